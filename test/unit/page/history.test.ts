import { appendFile, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { History, type HistoryLine } from '../../../agent/page/history.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'

const HOUR = 3600_000
const START = Date.UTC(2027, 0, 10)

async function setting() {
  const path = join(await temporaryFolder(), 'history.ndjson')
  const clock = { ms: START }
  const open = () => new History(path, () => clock.ms)
  const look = (hub: 'up' | 'down' = 'up'): HistoryLine => ({
    at: new Date(clock.ms).toISOString(),
    kind: 'look',
    hub,
    ill: {},
  })
  return { path, clock, open, look }
}

describe('History', () => {
  it('remembers across restarts, oldest first', async () => {
    const { open, look, clock } = await setting()
    await open().add(look('down'))
    clock.ms += 1000
    const later = open()
    await later.add(look('up'))
    expect((await later.lines()).map((line) => line.kind === 'look' && line.hub)).toEqual(['down', 'up'])
  })

  it('is empty before anything happened', async () => {
    expect(await (await setting()).open().lines()).toEqual([])
  })

  it('forgets what is older than 25 hours, on disk too', async () => {
    const { path, open, look, clock } = await setting()
    const history = open()
    await history.add(look('down'))
    clock.ms += 25 * HOUR + 1
    expect(await history.lines()).toEqual([])
    await history.add(look('up'))
    expect(await readFile(path, 'utf8')).not.toContain('down')
  })

  it('never grows beyond 1 MiB, and keeps the newest', async () => {
    const { path, open, look } = await setting()
    const long = `${JSON.stringify({ ...look('down'), ill: { x: 'y'.repeat(1000) } })}\n`
    await writeFile(path, long.repeat(1200))
    const history = open()
    const largest: number[] = []
    for (let times = 0; times < 400; times += 1) {
      await history.add({
        at: new Date(START).toISOString(),
        kind: 'look',
        hub: 'up',
        ill: { [`s${times}`]: 'z'.repeat(1000) },
      })
      if (times % 20 === 0) largest.push((await stat(path)).size)
    }
    expect(Math.max(...largest)).toBeLessThanOrEqual(1024 * 1024)
    const last = (await history.lines()).at(-1)
    expect(last).toMatchObject({ ill: { s399: expect.any(String) } })
  })

  it('does without a line that a power loss cut in two, and without what is none', async () => {
    const { path, open, look } = await setting()
    await open().add(look())
    await appendFile(path, 'null\n{"at":"yesterday","kind":"look"}\n[1]\n{"at":"2027-01-1')
    const history = open()
    await history.add(look('down'))
    expect((await history.lines()).map((line) => line.kind === 'look' && line.hub)).toEqual(['up', 'down'])
  })

  it('costs a line, not the agent, where it cannot be written', async () => {
    const history = new History('/proc/nowhere/history.ndjson')
    expect(await history.add((await setting()).look())).toBe(false)
    expect(await history.lines()).toEqual([])
  })

  it('keeps the order of lines that come at once', async () => {
    const { open, look } = await setting()
    const history = open()
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => history.add({ ...look(), ill: { n: String(at) } } as HistoryLine)),
    )
    expect((await history.lines()).map((line) => line.kind === 'look' && Number(line.ill.n))).toEqual(
      Array.from({ length: 20 }, (_, at) => at),
    )
  })
})

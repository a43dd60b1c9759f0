import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { mergeByTime } from '../../../agent/development/merge-by-time.ts'
import { spooledOutput } from '../../../agent/development/spooled-output.ts'

const { signal } = new AbortController()

async function* stamped(lines: AsyncIterable<string>) {
  for await (const line of lines) yield { at: line.slice(0, 6), text: line.slice(7) }
}

describe('what a command wrote', () => {
  it('is merged by time, however much of it came on the other stream first', async () => {
    const script = `i=100000; while [ $i -lt 130000 ]; do echo "$i on the other stream"; i=$((i+1)); done >&2; echo "100000 first"; echo "999999 last"`
    const streams = await spooledOutput(['sh', '-c', script], signal)
    const lines: string[] = []
    for await (const { text } of mergeByTime(streams.map(stamped))) lines.push(text)
    expect(lines).toHaveLength(30_002)
    expect(lines.slice(0, 2).sort()).toEqual(['first', 'on the other stream'])
    expect(lines.at(-1)).toBe('last')
  })

  it('is nothing where there is no such command, and leaves no file', async () => {
    const ours = async () =>
      (await readdir(tmpdir())).filter((name) => /^mojabox-[0-9a-f]{8}-[0-9a-f-]{27}$/.test(name))
    const before = await ours()
    for (const lines of await spooledOutput(['/nonexistent/docker'], signal)) {
      expect((await lines.next()).done).toBe(true)
    }
    expect(await ours()).toEqual(before)
  })
})

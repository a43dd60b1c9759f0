/**
 * What travels over a line that breaks: what was missing, once, and for each break no more than a chunk again. Counted by
 * the host's own kernel, of all that comes in from the desk.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import { countReceived, receivedFrom } from '../lab/traffic.ts'
import { waitFor } from '../lab/wait.ts'
import { Desk } from './support/desk.ts'
import { all, type MojaboxProcess } from './support/mojabox-process.ts'

const BREAKS = 4
const CHUNK_BYTES = 1024 * 1024
/** Of what is missing: frames, SSH, the headers of packets. */
const OVERHEAD = 1.01

describe('a line that breaks', () => {
  let desk: Desk
  let host: LabNode

  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('wire')
    await countReceived(host.pid)
  })
  afterAll(() => desk?.close())

  test('costs at most a chunk each time', async () => {
    const install = desk.start(['install', ...desk.flags(host), '--limit-rate', '20M'])
    await install.saw('transfer', ({ doneBytes, totalBytes }) => doneBytes > totalBytes / 2)
    await breakLine(install, host)
    for (let at = 1; at <= BREAKS; at += 1) {
      const part = at / (BREAKS + 1)
      await install.saw('step-progress', ({ id, done, total }) => id === 'images' && done > part * total)
      await breakLine(install, host)
    }
    await install.saw('step-done', ({ id }) => id === 'images')
    const { hereBytes } = await receivedFrom(host.pid)
    install.signal('SIGINT')
    await install.ended
    const missingBytes = missing(install)
    expect(missingBytes).toBeGreaterThan(200e6)
    expect(hereBytes).toBeLessThan(missingBytes * OVERHEAD + (1 + BREAKS) * CHUNK_BYTES)
  })
})

/** Resets the connection, and waits until the desk has noticed. */
async function breakLine(install: MojaboxProcess, { name }: LabNode): Promise<void> {
  const lost = () => all(install.events, 'note').filter(({ message }) => message.includes('connection was lost')).length
  const before = lost()
  const rule = ['INPUT', '-p', 'tcp', '--dport', '22', '-j', 'REJECT', '--reject-with', 'tcp-reset']
  await nodeExec(name, ['iptables', '--wait', '-I', ...rule])
  await waitFor('the desk to notice', async () => lost() > before, { timeoutMs: 30_000 })
  await nodeExec(name, ['iptables', '--wait', '-D', ...rule])
}

/** What the run told that it has to bring: the executable, and each step's bytes. */
function missing(install: MojaboxProcess): number {
  const totals = new Map<string, number>()
  for (const { what, totalBytes } of all(install.events, 'transfer')) totals.set(what, totalBytes)
  for (const { id, unit, total } of all(install.events, 'step-progress')) {
    if (unit === 'bytes' && !totals.has(id)) totals.set(id, total)
  }
  return [...totals.values()].reduce((sum, total) => sum + total, 0)
}

/**
 * Whatever interrupts an install, the same command brings it to its end: Ctrl-C, a desk that dies, a cable pulled for a
 * moment, an engine that is killed, a power cut. All of it happens to one install, one after the other.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DESK_SILENT_MS } from '../../agent/contract/channel.ts'
import { cutNetwork, restoreNetwork } from '../lab/network.ts'
import { type LabNode, nodeExec, powerCycleNode } from '../lab/nodes.ts'
import { waitFor } from '../lab/wait.ts'
import { Desk } from './support/desk.ts'
import { changedBy, EXIT, expectDone, expectNoInsides, expectRefused } from './support/expectations.ts'
import { balancesOn } from './support/hub.ts'
import { type Ended, type MojaboxProcess, only } from './support/mojabox-process.ts'

const ENGINE = 'mojabox-engine.service'

describe('an install that is interrupted', () => {
  let desk: Desk
  let host: LabNode
  let flags: string[]
  /** The command that goes on from one test to the next. */
  let running: MojaboxProcess
  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('interrupted')
    flags = desk.flags(host)
  })
  afterAll(() => desk?.close())

  const start = () => desk.start(['install', ...flags])
  const travelling = (install: MojaboxProcess) =>
    install.saw('step-progress', ({ id, done }) => id === 'images' && done > 0)
  const reached = (install: MojaboxProcess, step: string) => install.saw('step-started', ({ id }) => id === step)
  const on = async (...argv: string[]) => (await nodeExec(host.name, argv, { allowFailure: true })).stdout.trim()
  const engineIs = (state: string) =>
    waitFor(`the engine to be ${state}`, async () => (await on('systemctl', 'is-active', ENGINE)) === state, {
      timeoutMs: 30_000,
    })

  async function interrupted(install: MojaboxProcess): Promise<Ended> {
    const at = Date.now()
    install.signal('SIGINT')
    const ended = await install.ended
    expect(ended.code, ended.stderr).toBe(EXIT.interrupted)
    expect(ended.stderr).toMatch(/interrupted[\s\S]*next: +run the same command again/)
    expectNoInsides(ended)
    expect(Date.now() - at).toBeLessThan(30_000)
    await engineIs('inactive')
    return ended
  }

  test('an engine killed in the middle of apt is started again, and what is half installed is mended', async () => {
    running = start()
    await reached(running, 'packages')
    await waitFor('dpkg to unpack', async () => (await on('pgrep', '-x', 'dpkg')) !== '', {
      timeoutMs: 30_000,
      intervalMs: 20,
    })
    await on('systemctl', 'kill', '--signal=KILL', ENGINE)
    await running.saw('step-done', ({ id }) => id === 'packages')
    expect(await on('dpkg', '--audit')).toBe('')
  })

  test('Ctrl-C while images travel ends both sides, and says how to go on', async () => {
    await travelling(running)
    await interrupted(running)
  })

  test('when the desk’s process dies the host goes on, and the same command finds the same run', async () => {
    const killed = start()
    const { run } = await killed.saw('run-started')
    await travelling(killed)
    killed.signal('SIGKILL')
    await killed.ended
    await engineIs('active')
    running = start()
    expect((await running.saw('run-started')).run).toBe(run)
  })

  test('a command that is paused, as Ctrl-Z does, goes on where it was', async () => {
    running.signal('SIGSTOP')
    // Longer than a desk may be silent before another one may take its place.
    await delay(DESK_SILENT_MS + 4_000)
    expect(await on('systemctl', 'is-active', ENGINE)).toBe('active')
    const heard = running.events.length
    running.signal('SIGCONT')
    await waitFor('the command to hear more', () => Promise.resolve(running.events.length > heard), {
      timeoutMs: 30_000,
    })
    expect(running.events.filter(({ type }) => type === 'note')).toEqual([])
  })

  test('a second desk is refused, told who is at work, and harms nothing', async () => {
    for (const verb of ['install', 'uninstall']) {
      const message = expectRefused(await desk.run([verb, ...flags]), EXIT.check)
      expect(message).toMatch(/another install is running[\s\S]*started by \S+@/)
    }
    expect(await on('systemctl', 'is-active', ENGINE)).toBe('active')
  })

  test('a cable pulled for some seconds goes by without the command’s end', async () => {
    await cutNetwork(host.name)
    await delay(6_000)
    await restoreNetwork(host.name)
    await reached(running, 'backing-services')
  })

  test('a power cut goes by too: the command waits for the host and goes on', async () => {
    host = await powerCycleNode(host.name)
    await running.saw('note', ({ message }) => message.includes('connection was lost'))
    await reached(running, 'services')
  })

  test('Ctrl-C while services start leaves what the next run finishes', async () => {
    await interrupted(running)
  })

  test('an engine killed while services start is started again, and the hub is validated in the end', async () => {
    running = start()
    await reached(running, 'services')
    await on('systemctl', 'kill', '--signal=KILL', ENGINE)
    const ended = await running.ended
    expectDone(ended)
    expect(only(ended, 'report').report.passed).toBe(true)
  })

  test('nothing was done twice, and nothing is left to do', async () => {
    expect(await balancesOn(host.name)).toEqual(
      expect.arrayContaining(['mojaboxpayer SETTLEMENT USD -10000', 'mojaboxpayee SETTLEMENT USD -10000']),
    )
    const ended = await desk.run(['install', ...flags])
    expectDone(ended)
    expect(changedBy(ended)).toBe(0)
    expect(await on('ls', '/var/lib/mojabox/store/ingest')).toBe('')
  })
})

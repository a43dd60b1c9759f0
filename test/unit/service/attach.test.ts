import { duplexPair, PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Channel, type NodeMessage, PROTOCOL_VERSION } from '../../../agent/contract/channel.ts'
import type { RunCommand } from '../../../agent/contract/step.ts'
import { carryOutHere, ENGINE_UNIT, mustOutlive, relay } from '../../../agent/service/attach.ts'
import { serveEngine } from '../../../agent/service/engine-server.ts'
import { clockToPutForward } from '../put-forward.ts'
import { eventually } from './fake-desk.ts'
import { orderOf } from './orders.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

const reentry = (args: string[]) => ['/var/lib/mojabox/bin/mojabox', ...args]
const HELLO = {
  type: 'hello',
  protocol: PROTOCOL_VERSION,
  order: orderOf(),
  deskTime: new Date().toISOString(),
} as const

/** The stdin and stdout of a command at the end of an SSH channel, and the desk at its other end. */
function sshChannel() {
  const [near, far] = duplexPair()
  const stdin = new PassThrough()
  const stdout = new PassThrough()
  far.pipe(stdin)
  stdout.pipe(far)
  const desk = Channel.desk(near)
  const heard: NodeMessage[] = []
  desk.onMessage = (message) => heard.push(message)
  onTestFinished(() => desk.destroy())
  return {
    desk,
    heard,
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: stdout as unknown as NodeJS.WriteStream,
    hangUp: () => void stdin.end(),
  }
}

/** A systemd whose transient unit is an engine in this process. */
function fakeSystemd() {
  const asked: string[][] = []
  const stop = new AbortController()
  let running: Promise<void> | undefined
  let busy = 0
  const state = { runs: 0, aborted: 0, starts: 0 }
  const run: RunCommand = async (argv) => {
    asked.push(argv)
    if (running || busy-- > 0) return { code: 1, stdout: '', stderr: `Unit ${ENGINE_UNIT} already exists.` }
    state.starts += 1
    running = serveEngine(async (hello, link, signal) => {
      state.runs += 1
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          state.aborted += 1
          resolve()
        })
        link.tell({ type: 'note', level: 'info', message: hello.order.verb, at: '', host: 'n1', run: 'r' })
      })
      link.tell({ type: 'run-finished', outcome: 'failed', changed: 0, seconds: 0, at: '', host: 'n1', run: 'r' })
    }, stop.signal)
    return { code: 0, stdout: '', stderr: '' }
  }
  onTestFinished(async () => {
    stop.abort()
    await running
  })
  return { run, asked, state, stayBusy: (times: number) => (busy = times) }
}

describe('mustOutlive', () => {
  it('is true for orders that change the node', () => {
    expect(['check', 'plan', 'validate', 'status'].filter(mustOutlive)).toEqual([])
    expect(['install', 'uninstall'].every(mustOutlive)).toBe(true)
  })
})

describe('relay', () => {
  it('starts the engine in a unit of its own and carries frames both ways', async () => {
    const systemd = fakeSystemd()
    const ssh = sshChannel()
    const relayed = relay(systemd.run, reentry, ssh.stdin, ssh.stdout)
    ssh.desk.send(HELLO)
    await eventually(() => ssh.heard.find(({ type }) => type === 'event'))
    expect(ssh.heard[0]).toMatchObject({ type: 'welcome', attached: false })
    expect(systemd.asked[0]?.slice(0, 3)).toEqual(['systemd-run', '--quiet', '--collect'])
    expect(systemd.asked[0]).toContain(`--unit=${ENGINE_UNIT}`)
    expect(systemd.asked[0]?.slice(-3)).toEqual(['/var/lib/mojabox/bin/mojabox', 'node', 'engine'])
    ssh.desk.send({ type: 'abort' })
    await eventually(() => ssh.heard.find(({ type }) => type === 'bye'))
    ssh.desk.end()
    ssh.hangUp()
    await relayed
  })

  it('lets the engine go on when the link is lost, and finds it again', async () => {
    const systemd = fakeSystemd()
    const first = sshChannel()
    const relayed = relay(systemd.run, reentry, first.stdin, first.stdout)
    first.desk.send(HELLO)
    await eventually(() => first.heard.find(({ type }) => type === 'event'))
    first.hangUp()
    await relayed
    await delay(20)
    expect(systemd.state.aborted).toBe(0)

    const second = sshChannel()
    const again = relay(systemd.run, reentry, second.stdin, second.stdout)
    second.desk.send(HELLO)
    await eventually(() => second.heard.find(({ type }) => type === 'event'))
    expect(second.heard[0]).toMatchObject({ type: 'welcome', attached: true })
    expect(systemd.state).toMatchObject({ starts: 1, runs: 1 })
    second.hangUp()
    await again
  })

  it('starts another engine once the last one, on its way out, is gone', async () => {
    const systemd = fakeSystemd()
    systemd.stayBusy(2)
    const ssh = sshChannel()
    const relayed = relay(systemd.run, reentry, ssh.stdin, ssh.stdout)
    ssh.desk.send(HELLO)
    await eventually(() => ssh.heard.find(({ type }) => type === 'welcome'), 10_000)
    expect(systemd.state.starts).toBe(1)
    ssh.hangUp()
    await relayed
  })

  it('says where to look when systemd starts no engine', async () => {
    const putForward = clockToPutForward()
    const ssh = sshChannel()
    const run: RunCommand = async () => {
      putForward(21_000)
      return { code: 1, stdout: '', stderr: 'Failed to connect to bus' }
    }
    const error = await relay(run, reentry, ssh.stdin, ssh.stdout).catch((thrown) => thrown)
    expect(error.facts).toMatchObject({ found: 'Failed to connect to bus', next: expect.stringContaining(ENGINE_UNIT) })
  })
})

describe('carryOutHere', () => {
  it('carries the order out in this process', async () => {
    const ssh = sshChannel()
    const ended = carryOutHere(
      async (hello, link) => {
        link.tell({ type: 'note', level: 'info', message: hello.order.profile, at: '', host: 'n1', run: 'r' })
      },
      ssh.stdin,
      ssh.stdout,
    )
    ssh.desk.send(HELLO)
    await eventually(() => ssh.heard.find(({ type }) => type === 'bye'))
    expect(ssh.heard.map(({ type }) => type)).toEqual(['welcome', 'event', 'bye'])
    ssh.hangUp()
    await ended
  })

  it.each(['abort', 'hang up'])('stops the run when the desk says or does so (%s)', async (how) => {
    const ssh = sshChannel()
    let reason: unknown
    const ended = carryOutHere(
      (_hello, _link, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason
            resolve()
          })
        }),
      ssh.stdin,
      ssh.stdout,
    )
    ssh.desk.send(HELLO)
    await eventually(() => ssh.heard[0])
    if (how === 'abort') ssh.desk.send({ type: 'abort' })
    else ssh.hangUp()
    await eventually(() => reason)
    expect(reason).toMatchObject({ facts: { code: 'interrupted', kind: 'interrupted' } })
    ssh.hangUp()
    await ended
  })

  it('ends when the desk goes without a word', async () => {
    const ssh = sshChannel()
    const ended = carryOutHere(async () => {}, ssh.stdin, ssh.stdout)
    ssh.hangUp()
    await ended
  })

  it('refuses a desk of another version', async () => {
    const ssh = sshChannel()
    let ran = false
    const ended = carryOutHere(
      async () => {
        ran = true
      },
      ssh.stdin,
      ssh.stdout,
    )
    ssh.desk.send({ ...HELLO, protocol: 99 })
    expect(await eventually(() => ssh.heard[0])).toMatchObject({ type: 'refused' })
    ssh.hangUp()
    await ended
    expect(ran).toBe(false)
  })
})

import { stat } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { Channel, type DeskMessage, PROTOCOL_VERSION } from '../contract/channel.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { RunCommand } from '../contract/step.ts'
import { DeskLink } from './desk-link.ts'
import { type CarryOut, interrupted } from './engine-server.ts'
import type { ReentryArgv } from './reentry.ts'

export const ENGINE_UNIT = 'mojabox-engine.service'
const START_LIMIT_MS = 20_000

/** Whether the order changes the node, and so must outlive the link it came over. */
export function mustOutlive(verb: string): boolean {
  return verb === 'install' || verb === 'uninstall'
}

/**
 * Relays the desk's stdin and stdout to the engine, which runs in a transient systemd unit of its own: when this
 * command and its SSH session die, the engine goes on. Resolves when either side hangs up.
 */
export async function relay(
  run: RunCommand,
  reentry: ReentryArgv,
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
): Promise<void> {
  const socket = (await tryConnect()) ?? (await startEngine(run, reentry))
  await new Promise<void>((resolve) => {
    socket.on('error', resolve).on('close', resolve)
    stdout.on('error', () => socket.destroy())
    stdin.on('error', () => socket.destroy())
    stdin.on('end', () => socket.end())
    stdin.pipe(socket, { end: false })
    socket.pipe(stdout, { end: false })
  })
}

/** Carries the order out in this process: for orders that change nothing, and where no systemd could keep an engine. */
export async function carryOutHere(
  carryOut: CarryOut,
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
): Promise<void> {
  const stream = Duplex.from({ readable: stdin, writable: stdout })
  stream.on('error', () => {})
  const channel = Channel.node(stream)
  const link = new DeskLink()
  const aborter = new AbortController()
  link.onAbort = () => aborter.abort(interrupted())
  channel.closed.then(() => aborter.abort(interrupted()))
  const hello = await new Promise<Extract<DeskMessage, { type: 'hello' }> | undefined>((resolve) => {
    channel.closed.then(() => resolve(undefined))
    channel.onMessage = (message) => message.type === 'hello' && resolve(message)
  })
  if (!hello) return
  link.attach(channel, false, PROTOCOL_VERSION)
  await carryOut(hello, link, aborter.signal)
  await link.close(5_000)
}

/** True where systemd runs, so that a unit can keep the engine. */
export async function systemdRuns(): Promise<boolean> {
  return (await stat('/run/systemd/system').catch(() => undefined)) !== undefined
}

function tryConnect(): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(NODE_PATHS.engineSocket)
    socket.once('connect', () => resolve(socket))
    socket.once('error', () => resolve(undefined))
  })
}

async function startEngine(run: RunCommand, reentry: ReentryArgv): Promise<Socket> {
  const properties = ['Type=exec', 'KillMode=mixed', 'TimeoutStopSec=120', 'OOMScoreAdjust=-500'].flatMap(
    (property) => ['-p', property],
  )
  const argv = [
    'systemd-run',
    '--quiet',
    '--collect',
    `--unit=${ENGINE_UNIT}`,
    ...properties,
    ...reentry(['node', 'engine']),
  ]
  // Two relays may race: the one that comes second finds the unit there and just connects.
  const started = await run(argv, { okCodes: [0, 1] })
  const until = Date.now() + START_LIMIT_MS
  for (;;) {
    const socket = await tryConnect()
    if (socket) return socket
    if (Date.now() > until)
      throw new Error(`the engine did not start: ${started.stderr.trim()} (see journalctl -u ${ENGINE_UNIT})`)
    await delay(50)
  }
}

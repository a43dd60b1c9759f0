import { stat } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { factsOf, MojaboxError } from '../../bundles/format/error.ts'
import { Channel, type DeskMessage, PROTOCOL_VERSION } from '../contract/channel.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { RunCommand } from '../contract/step.ts'
import { DeskLink } from './desk-link.ts'
import { type CarryOut, GOODBYE_MS, interrupted } from './engine-server.ts'
import { readHello } from './greeting.ts'
import type { ReentryArgv } from './reentry.ts'

export const ENGINE_UNIT = 'mojabox-engine.service'
const START_LIMIT_MS = 20_000
const LOOK_EVERY_MS = 10
/** Looks between two tries to start it. */
const STARTS_EVERY = 50

/** Whether the order changes the node, and so must outlive the link it came over. */
export function mustOutlive(verb: string): boolean {
  return verb === 'install' || verb === 'reset-data' || verb === 'uninstall'
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
  const first = await new Promise<DeskMessage | undefined>((resolve) => {
    channel.closed.then(() => resolve(undefined))
    channel.onMessage = resolve
  })
  if (!first) return
  try {
    const hello = readHello(first)
    link.attach(channel, false, PROTOCOL_VERSION)
    await carryOut(hello, link, aborter.signal)
    await link.close(GOODBYE_MS)
  } catch (error) {
    const { message, found = '', next = '' } = factsOf(error)
    channel.send({ type: 'refused', message, found, next })
    channel.end()
  }
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
  const until = performance.now() + START_LIMIT_MS
  let stderr = ''
  for (let tries = 0; ; tries += 1) {
    // Another relay may have been first, or the last run's engine is still on its way out: then the unit is there.
    if (tries % STARTS_EVERY === 0) stderr = (await run(argv, { okCodes: [0, 1] })).stderr
    const socket = await tryConnect()
    if (socket) return socket
    if (performance.now() > until) throw notStarted(stderr)
    await delay(LOOK_EVERY_MS)
  }
}

function notStarted(stderr: string): MojaboxError {
  return new MojaboxError({
    code: 'engine-not-started',
    kind: 'step',
    message: 'the engine did not start on this node',
    found: stderr.trim() || `no answer on ${NODE_PATHS.engineSocket} for ${START_LIMIT_MS / 1000} s`,
    needed: `the unit ${ENGINE_UNIT}`,
    next: `see \`journalctl -u ${ENGINE_UNIT}\` on the node, then run the same command again`,
  })
}

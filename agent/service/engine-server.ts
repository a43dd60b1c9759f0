import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { MojaboxError } from '../../bundles/format/error.ts'
import { Channel, type DeskMessage, PROTOCOL_VERSION } from '../contract/channel.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { WorkOrder } from '../contract/work-order.ts'
import { DeskLink } from './desk-link.ts'

type Hello = Extract<DeskMessage, { type: 'hello' }>

/** Carries out an order while the link is served; resolves when its last event was told. */
export type CarryOut = (hello: Hello, link: DeskLink, signal: AbortSignal) => Promise<void>

/** How long the engine waits for a first desk, and after the run for the desk to hang up. */
const FIRST_DESK_MS = 30_000
const GOODBYE_MS = 5_000

/**
 * The engine's process: one run, one desk at a time, on a unix socket of root's. A desk that fell silent is replaced;
 * a second one, or another order, is refused while the run goes on.
 */
export async function serveEngine(carryOut: CarryOut, stop: AbortSignal): Promise<void> {
  const link = new DeskLink()
  const aborter = new AbortController()
  link.onAbort = () => aborter.abort(interrupted())
  stop.addEventListener('abort', () => aborter.abort(interrupted()))
  let order: WorkOrder | undefined
  let finished: () => void = () => {}
  const done = new Promise<void>((resolve) => (finished = resolve))
  const idle = setTimeout(() => order ?? finished(), FIRST_DESK_MS)

  const server = createServer((socket) =>
    welcome(
      socket,
      link,
      () => order,
      (hello) => {
        order = hello.order
        carryOut(hello, link, aborter.signal).finally(finished)
      },
    ),
  )
  await mkdir(dirname(NODE_PATHS.engineSocket), { recursive: true, mode: 0o700 })
  await rm(NODE_PATHS.engineSocket, { force: true })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(NODE_PATHS.engineSocket, resolve))
  await chmod(NODE_PATHS.engineSocket, 0o600)
  await done
  clearTimeout(idle)
  server.close()
  await link.close(GOODBYE_MS)
  await rm(NODE_PATHS.engineSocket, { force: true })
}

function welcome(
  socket: Socket,
  link: DeskLink,
  current: () => WorkOrder | undefined,
  begin: (hello: Hello) => void,
): void {
  socket.on('error', () => {})
  const channel = Channel.node(socket)
  channel.onMessage = (message) => {
    if (message.type !== 'hello') return channel.destroy()
    const order = current()
    const refusal = refuse(message, order, link)
    if (refusal) {
      channel.send({ type: 'refused', ...refusal })
      channel.end()
      return
    }
    link.attach(channel, order !== undefined, PROTOCOL_VERSION)
    if (!order) begin(message)
  }
}

function refuse(hello: Hello, order: WorkOrder | undefined, link: DeskLink) {
  if (hello.protocol !== PROTOCOL_VERSION) {
    return {
      message: 'this node runs another version of mojabox',
      found: `protocol ${hello.protocol} at the desk, ${PROTOCOL_VERSION} on the node`,
      next: 'wait until the run on the node has ended, then try again',
    }
  }
  if (!order) return undefined
  const same =
    hello.order.verb === order.verb && hello.order.bundle === order.bundle && hello.order.profile === order.profile
  if (same && !link.alive) return undefined
  const seen = link.alive ? `its desk was heard of ${Math.round(link.lastHeardMs / 1000)} s ago` : 'its desk is away'
  return {
    message: `another ${order.verb} is running on this node`,
    found: `${order.verb} ${order.profile}, started by ${order.desk}; ${seen}`,
    next: same
      ? 'wait until it has ended, or stop it there with Ctrl-C'
      : `run that ${order.verb} again to watch it to its end, then try again`,
  }
}

export function interrupted(): MojaboxError {
  return new MojaboxError({
    code: 'interrupted',
    kind: 'interrupted',
    message: 'interrupted',
    next: 'run the same command again: it resumes where it stopped',
  })
}

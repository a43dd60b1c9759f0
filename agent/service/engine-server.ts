import { chmod, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { factsOf, MojaboxError } from '../../bundles/format/error.ts'
import { Channel, PROTOCOL_VERSION } from '../contract/channel.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { WorkOrder } from '../contract/work-order.ts'
import { makeFolder } from '../store/make-folder.ts'
import { DeskLink } from './desk-link.ts'
import { type Hello, readHello } from './greeting.ts'

/** Carries out an order while the link is served; resolves when its last event was told. */
export type CarryOut = (hello: Hello, link: DeskLink, signal: AbortSignal) => Promise<void>

/** How long the engine waits for a first desk, and after the run for the desk to hang up. */
const FIRST_DESK_MS = 30_000
export const GOODBYE_MS = 5_000

/**
 * The engine's process: one run, one desk at a time, on a unix socket of root's. A desk that fell silent is replaced;
 * a second one, or another order, is refused while the run goes on.
 */
export async function serveEngine(carryOut: CarryOut, stop: AbortSignal): Promise<void> {
  const link = new DeskLink()
  const aborter = new AbortController()
  link.onAbort = () => aborter.abort(interrupted())
  stop.addEventListener('abort', () => {
    aborter.abort(interrupted())
    if (!order) finished()
  })
  let order: WorkOrder | undefined
  let finished: () => void = () => {}
  const done = new Promise<void>((resolve) => (finished = resolve))
  const idle = setTimeout(() => order ?? finished(), FIRST_DESK_MS)

  const server = createServer((socket) =>
    welcome(
      socket,
      link,
      () => ({ order, stopping: aborter.signal.aborted }),
      (hello) => {
        order = hello.order
        carryOut(hello, link, aborter.signal).finally(finished)
      },
    ),
  )
  await makeFolder(dirname(NODE_PATHS.engineSocket), 0o700)
  await rm(NODE_PATHS.engineSocket, { force: true })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(NODE_PATHS.engineSocket, resolve))
  await chmod(NODE_PATHS.engineSocket, 0o600)
  await done
  clearTimeout(idle)
  server.close()
  await link.close(GOODBYE_MS)
  await rm(NODE_PATHS.engineSocket, { force: true })
}

interface Current {
  order: WorkOrder | undefined
  stopping: boolean
}

function welcome(socket: Socket, link: DeskLink, current: () => Current, begin: (hello: Hello) => void): void {
  socket.on('error', () => {})
  const channel = Channel.node(socket)
  channel.onMessage = (message) => {
    try {
      const hello = readHello(message)
      const { order, stopping } = current()
      if (order) refuseOther(hello.order, order, stopping, link)
      link.attach(channel, order !== undefined, PROTOCOL_VERSION)
      if (!order) begin(hello)
    } catch (error) {
      const { message: what, found = '', next = '' } = factsOf(error)
      channel.send({ type: 'refused', message: what, found, next })
      channel.end()
    }
  }
}

/**
 * Only the same order may take a run up, when its own desk is away and it is not being stopped. Its own desk may at any
 * time: what it sent over a link that it has given up may have come only now, and look like a sign of life.
 */
function refuseOther(asked: WorkOrder, running: WorkOrder, stopping: boolean, link: DeskLink): void {
  const same = sameOrder(asked, running)
  const own = same && asked.run === running.run
  if (same && (own || !link.alive) && !stopping) return
  const seen = link.alive ? `its desk was heard of ${Math.round(link.lastHeardMs / 1000)} s ago` : 'its desk is away'
  const state = stopping ? 'it is being stopped' : seen
  throw new MojaboxError({
    code: 'node-busy',
    kind: 'check',
    message: `another ${running.verb} is running on this node`,
    found: `${running.verb} ${running.profile}, started by ${running.desk}; ${state}`,
    next: stopping
      ? 'try again in a few seconds'
      : same
        ? 'wait until it has ended, or stop it there with Ctrl-C'
        : `run that ${running.verb} again as it was to watch it to its end, then try again`,
  })
}

/** The same but for who asks, and in which run. */
function sameOrder(left: WorkOrder, right: WorkOrder): boolean {
  const bare = (order: WorkOrder) => JSON.stringify({ ...order, run: '', desk: '' })
  return bare(left) === bare(right)
}

export function interrupted(): MojaboxError {
  return new MojaboxError({
    code: 'interrupted',
    kind: 'interrupted',
    message: 'interrupted',
    next: 'run the same command again: it resumes where it stopped',
  })
}

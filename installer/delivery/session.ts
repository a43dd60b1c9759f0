import { hostname, userInfo } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import {
  CHUNK_BYTES,
  Channel,
  type DeskMessage,
  linkLost,
  type NodeMessage,
  PING_EVERY_MS,
  PROTOCOL_VERSION,
} from '../../agent/contract/channel.ts'
import type { Event } from '../../agent/contract/events.ts'
import type { WorkOrder } from '../../agent/contract/work-order.ts'
import type { BlobSource } from '../../bundles/format/blob-source.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import type { Connection } from '../fleet/connection.ts'
import type { HostSeeding, SeedingMessage } from './seeding.ts'
import { Turns } from './turns.ts'

export interface SessionOptions {
  /** Runs commands as root on the host. */
  connection: Connection
  /** The executable there. */
  executable: string
  order: WorkOrder
  /** Whoever has the blobs that the node asks for. */
  blobs: BlobSource | undefined
  /** Where the run's hosts pass blobs on to each other. */
  seeding?: HostSeeding | undefined
  /** The host's own work is done: what it does from now on is for the others. */
  onLending?: () => void
  onEvent: (event: Event) => void
  signal: AbortSignal
}

type RunFinished = Extract<Event, { type: 'run-finished' }>

/** After Ctrl-C the node is given this long to stop cleanly, milliseconds. */
const STOP_LIMIT_MS = 60_000
/** A host that has nothing more to do may take so long to close what it opened, milliseconds. */
const GOODBYE_LIMIT_MS = 5_000
/** The first word from the node must come within this, milliseconds. */
const WELCOME_LIMIT_MS = 45_000

/** How this desk names itself to others. */
export function deskName(): string {
  return `${userInfo().username}@${hostname()}`
}

/**
 * Hands one order to a host and watches it to its end, answering what the node asks for.
 * @returns the run's last event
 * @throws MojaboxError `host-lost` when the link ends before the run does, `engine-gone` when the engine does;
 *   `engine-silent` when it says nothing at all; `node-busy` when another run is on
 */
export async function watchRun(options: SessionOptions): Promise<RunFinished> {
  const { connection, executable, order, seeding, signal } = options
  const process = await connection.spawn([executable, 'node', 'attach', order.verb])
  const channel = Channel.desk(process.stream)
  const server = new BlobServer(channel, options.blobs, order.leftOut !== undefined, seeding)
  const ping = setInterval(() => channel.send({ type: 'ping' }), PING_EVERY_MS)
  let giveUp: (reason: unknown) => void = () => {}
  const stop = () => {
    channel.send({ type: 'abort' })
    setTimeout(() => giveUp(signal.reason), STOP_LIMIT_MS).unref()
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    const end = await new Promise<RunFinished>((resolve, reject) => {
      const limit = setTimeout(() => reject(silent(connection, process.stderrTail())), WELCOME_LIMIT_MS)
      giveUp = reject
      channel.onMessage = (message) => {
        if (message.type === 'welcome') {
          clearTimeout(limit)
          seeding?.linked((message) => channel.send(message))
          if (signal.aborted) stop()
        } else if (message.type === 'refused') reject(refused(message))
        else if (message.type === 'event') {
          options.onEvent(message.event)
          if (message.event.type === 'run-finished') resolve(message.event)
        } else server.hear(message)
      }
      channel.closed.then(async () => {
        clearTimeout(limit)
        const code = await Promise.race([process.exited.catch(() => undefined), delay(2_000, undefined)])
        if (code === undefined) reject(linkLost())
        else reject(code === 0 ? engineGone(connection) : died(connection, code, process.stderrTail()))
      })
      channel.send({ type: 'hello', protocol: PROTOCOL_VERSION, order, deskTime: new Date().toISOString() })
    })
    if (seeding) await seeGone(seeding, end, channel, options)
    return end
  } finally {
    seeding?.lost()
    clearInterval(ping)
    signal.removeEventListener('abort', stop)
    server.close()
    channel.end()
    await Promise.race([channel.closed, delay(2_000, undefined, { ref: false })])
    process.kill()
  }
}

/**
 * A host whose own work is done hands on what others want of it, as long as the link holds; then it is seen to its end,
 * so that no port of it is open when the command is over.
 */
async function seeGone(
  seeding: HostSeeding,
  { outcome }: RunFinished,
  channel: Channel<NodeMessage, DeskMessage>,
  { onLending, signal }: SessionOptions,
): Promise<void> {
  if (outcome === 'done') {
    onLending?.()
    await Promise.race([seeding.unneeded(signal), channel.closed])
  }
  channel.send({ type: 'dismiss' })
  await Promise.race([channel.closed, delay(GOODBYE_LIMIT_MS, undefined, { ref: false })])
}

/**
 * Answers the node's requests for blobs: the one that was asked for first is sent first, so that the node can unpack it
 * while the next one travels; a small one (a manifest, a configuration) waits for none, since more depends on it.
 */
class BlobServer {
  readonly #channel: Channel<NodeMessage, DeskMessage>
  readonly #blobs: BlobSource | undefined
  readonly #lacks: string
  readonly #seeding: HostSeeding | undefined
  readonly #cancelled = new Set<number>()
  readonly #turns = new Turns()
  #closed = false

  constructor(
    channel: Channel<NodeMessage, DeskMessage>,
    blobs: BlobSource | undefined,
    isDelta: boolean,
    seeding: HostSeeding | undefined,
  ) {
    this.#channel = channel
    this.#blobs = blobs
    this.#seeding = seeding
    this.#lacks = isDelta
      ? "the desk's bundle is a delta (name its base: --base FILE), and lacks"
      : "the desk's bundle lacks"
  }

  hear(message: NodeMessage): void {
    if (message.type === 'get') this.#get(message)
    else if (message.type === 'cancel') this.#cancelled.add(message.id)
    else if (isAboutSeeding(message)) this.#seeding?.hear(message)
  }

  #get({ id, digest, ...wish }: Extract<NodeMessage, { type: 'get' }>): void {
    const { offset } = wish
    const host = wish.without && this.#seeding?.sourceOf(digest, wish)
    if (host === undefined) void this.#answer(id, digest, offset)
    else this.#channel.send({ type: 'elsewhere', id, host })
  }

  close(): void {
    this.#closed = true
  }

  async #answer(id: number, digest: Digest, offset: number): Promise<void> {
    try {
      const size = await this.#blobs?.sizeOf(digest)
      if (size === undefined || !this.#blobs) {
        return this.#channel.send({ type: 'missing', id, message: `${this.#lacks} ${digest}` })
      }
      this.#channel.send({ type: 'blob', id, size })
      const place = size <= CHUNK_BYTES ? 0 : id
      let end = offset
      for await (const piece of this.#blobs.read(digest, offset)) {
        for (let at = 0; at < piece.length; at += CHUNK_BYTES) {
          if (this.#closed || this.#cancelled.delete(id)) return
          const chunk = piece.subarray(at, at + CHUNK_BYTES)
          await this.#turns.take(place, () => this.#channel.sendData(id, chunk))
          end += chunk.length
          this.#seeding?.sent(digest, end)
        }
      }
      this.#channel.send({ type: 'end', id })
    } catch (error) {
      // A closed channel is the watcher's to tell; a bundle that cannot be read is the node's to know.
      if (this.#closed) return
      const message = error instanceof Error ? error.message : String(error)
      this.#channel.send({ type: 'missing', id, message, unreadable: true })
    }
  }
}

function isAboutSeeding(message: NodeMessage): message is SeedingMessage {
  return ['seeding', 'wants', 'has', 'tried'].includes(message.type)
}

function refused(message: Extract<NodeMessage, { type: 'refused' }>): MojaboxError {
  return new MojaboxError({
    code: 'node-busy',
    kind: 'check',
    message: message.message,
    found: message.found,
    needed: 'a node where nothing else runs',
    next: message.next,
  })
}

function silent(connection: Connection, stderr: string): MojaboxError {
  return new MojaboxError({
    code: 'engine-silent',
    kind: 'host',
    message: `mojabox on ${connection.address} did not answer`,
    found: stderr.trim() || `nothing for ${WELCOME_LIMIT_MS / 1000} s`,
    needed: 'its greeting',
    next: 'run the same command again; on the host, `systemctl status mojabox-engine` says more',
  })
}

/** The command there that only relays came to its end, so the link held. */
function engineGone(connection: Connection): MojaboxError {
  return new MojaboxError({
    code: 'engine-gone',
    kind: 'host',
    message: `mojabox’s engine on ${connection.address} was ended before its work was done`,
    found: 'no last word of it',
    needed: 'a host that lets it work',
    next: 'see `journalctl -u mojabox-engine` and `dmesg` on the host (out of memory?), then run the same command again: it resumes where it stopped',
  })
}

function died(connection: Connection, code: number, stderr: string): MojaboxError {
  return new MojaboxError({
    code: 'node-died',
    kind: 'host',
    message: `mojabox on ${connection.address} ended early`,
    found: `exit code ${code}: ${stderr.trim() || 'no message'}`,
    needed: 'a run that reports its end',
    next: 'run the same command again: it resumes where it stopped',
  })
}

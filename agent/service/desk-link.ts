import { MojaboxError } from '../../bundles/format/error.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import {
  type Channel,
  DESK_SILENT_MS,
  type DeskMessage,
  linkLost,
  type NodeMessage,
  type Peer,
} from '../contract/channel.ts'
import type { Event } from '../contract/events.ts'
import type { Fetch } from '../store/arrivals.ts'

/** How long a run that needs the desk waits for it to come back, milliseconds. */
export const DESK_WAIT_MS = 15 * 60 * 1000
/** Events kept for a desk that comes back; beyond them only passing ones are forgotten. */
const KEPT_EVENTS = 5_000

interface Transfer {
  take: (bytes: Buffer) => Promise<void>
  /** @param host where the blob is to be had instead */
  finish: (error?: unknown, host?: string) => void
}

/** How a blob is asked for that may come from another host. */
export type Wish = Pick<Extract<NodeMessage, { type: 'get' }>, 'without' | 'slow'>

/**
 * The node's end of the link to the desk. The link may be lost and another come in its place; a transfer then goes
 * on from the byte it had, and events are told again from the start of the run.
 */
export class DeskLink {
  #channel: Channel<DeskMessage, NodeMessage> | undefined
  #lastHeardAt = 0
  #nextId = 1
  readonly #transfers = new Map<number, Transfer>()
  readonly #events: Event[] = []
  #arrived: (() => void)[] = []
  #saidWaiting = false
  onAbort: () => void = () => {}
  onWaiting: (what: string) => void = () => {}
  /** A desk is there, anew or again. */
  onAttached: () => void = () => {}
  onPeers: (peers: Peer[]) => void = () => {}
  onRelease: (digests: Digest[]) => void = () => {}
  onDismiss: () => void = () => {}
  /** Bytes of blobs that the desk sent. */
  receivedBytes = 0

  /** True while a desk is connected and was heard of lately. */
  get alive(): boolean {
    return this.#channel !== undefined && performance.now() - this.#lastHeardAt < DESK_SILENT_MS
  }

  get lastHeardMs(): number {
    return performance.now() - this.#lastHeardAt
  }

  /** Takes a channel whose hello was read; an older one is dropped. */
  attach(channel: Channel<DeskMessage, NodeMessage>, attached: boolean, protocol: number): void {
    this.#channel?.destroy()
    this.#loseTransfers()
    this.#channel = channel
    this.#lastHeardAt = performance.now()
    this.#saidWaiting = false
    channel.onMessage = (message) => this.#hear(message)
    channel.onData = async (id, bytes) => {
      this.#lastHeardAt = performance.now()
      this.receivedBytes += bytes.length
      await this.#transfers.get(id)?.take(bytes)
    }
    channel.send({ type: 'welcome', protocol, attached })
    for (const event of this.#events) channel.send({ type: 'event', event })
    channel.closed.then(() => {
      if (this.#channel !== channel) return
      this.#channel = undefined
      this.#loseTransfers()
    })
    this.onAttached()
    for (const wake of this.#arrived.splice(0)) wake()
  }

  /** Says something that is worth nothing later; without a desk it goes unsaid. */
  say(message: NodeMessage): void {
    this.#channel?.send(message)
  }

  tell(event: Event): void {
    const last = this.#events.at(-1)
    // Of a step's progress only the last word is worth telling again.
    if (event.type === 'step-progress' && last?.type === 'step-progress' && last.id === event.id) this.#events.pop()
    this.#events.push(event)
    if (this.#events.length > KEPT_EVENTS) this.#forgetOne()
    this.#channel?.send({ type: 'event', event })
  }

  #forgetOne(): void {
    const passing = this.#events.findIndex(({ type }) => type === 'step-progress' || type === 'waiting-for-desk')
    if (passing >= 0) this.#events.splice(passing, 1)
  }

  /** Says goodbye and waits, at most `timeoutMs`, for the desk to hang up. */
  async close(timeoutMs: number): Promise<void> {
    const channel = this.#channel
    if (!channel) return
    channel.send({ type: 'bye' })
    channel.end()
    await Promise.race([channel.closed, new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())])
    channel.destroy()
  }

  /** Each goes on over the next channel, from the byte it has. */
  #loseTransfers(): void {
    for (const transfer of [...this.#transfers.values()]) transfer.finish(linkLost())
  }

  readonly fetch: Fetch = async (digest, offsetBytes, take, signal) => {
    await this.ask(digest, offsetBytes, take, signal)
  }

  /**
   * Asks the desk for a blob, as `fetch` does.
   * @param wish what the desk is to know when it names a host; without it, it names none
   * @returns the host where the rest is to be had instead
   */
  async ask(...[digest, offsetBytes, take, signal, wish = {}]: [...Parameters<Fetch>, wish?: Wish]) {
    for (;;) {
      const channel = await this.#whenConnected(digest, signal)
      try {
        return await this.#transfer(channel, { digest, offset: offsetBytes(), ...wish }, take, signal)
      } catch (error) {
        if (!(error instanceof MojaboxError) || error.facts.code !== 'host-lost') throw error
      }
    }
  }

  #transfer(
    channel: Channel<DeskMessage, NodeMessage>,
    what: { digest: Digest; offset: number } & Wish,
    take: (bytes: Buffer) => Promise<void>,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const id = this.#nextId++
    let writing = Promise.resolve()
    return new Promise((resolve, reject) => {
      const finish = (error?: unknown, host?: string) => {
        if (!this.#transfers.delete(id)) return
        signal.removeEventListener('abort', cancel)
        // Bytes at hand are written first: who asks on asks for what follows them.
        writing.then(() => (error === undefined ? resolve(host) : reject(error)))
      }
      const cancel = () => {
        channel.send({ type: 'cancel', id })
        finish(signal.reason)
      }
      const guardedTake = (bytes: Buffer): Promise<void> => {
        writing = take(bytes).catch((error) => {
          channel.send({ type: 'cancel', id })
          finish(error)
        })
        return writing
      }
      this.#transfers.set(id, { take: guardedTake, finish })
      if (signal.aborted) return cancel()
      signal.addEventListener('abort', cancel, { once: true })
      channel.send({ type: 'get', id, ...what })
    })
  }

  async #whenConnected(digest: Digest, signal: AbortSignal): Promise<Channel<DeskMessage, NodeMessage>> {
    const until = performance.now() + DESK_WAIT_MS
    while (!this.#channel) {
      signal.throwIfAborted()
      const left = until - performance.now()
      if (left <= 0) throw deskGone(digest)
      this.#sayWaiting(digest)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, Math.min(left, 60_000))
        function done() {
          clearTimeout(timer)
          signal.removeEventListener('abort', done)
          resolve()
        }
        signal.addEventListener('abort', done, { once: true })
        this.#arrived.push(done)
      })
    }
    return this.#channel
  }

  /** Once an outage, however many blobs wait. */
  #sayWaiting(digest: Digest): void {
    if (this.#saidWaiting) return
    this.#saidWaiting = true
    this.onWaiting(digest)
  }

  #hear(message: DeskMessage): void {
    this.#lastHeardAt = performance.now()
    if (message.type === 'abort') this.onAbort()
    else if (message.type === 'end') this.#transfers.get(message.id)?.finish()
    else if (message.type === 'elsewhere') this.#transfers.get(message.id)?.finish(undefined, message.host)
    else if (message.type === 'peers') this.onPeers(message.peers)
    else if (message.type === 'release') this.onRelease(message.digests)
    else if (message.type === 'dismiss') this.onDismiss()
    else if (message.type === 'missing') {
      const { message: found, unreadable } = message
      this.#transfers.get(message.id)?.finish(unreadable ? bundleUnreadable(found) : blobMissing(found))
    }
  }
}

function blobMissing(message: string): MojaboxError {
  return new MojaboxError({
    code: 'blob-missing',
    kind: 'bundle',
    message,
    found: 'a bundle without it',
    needed: 'every blob that the bundle lists',
    next: 'run `mojabox bundle verify` on the bundle',
  })
}

function bundleUnreadable(found: string): MojaboxError {
  return new MojaboxError({
    code: 'bundle-unreadable',
    kind: 'bundle',
    message: 'the bundle cannot be read any more at the desk',
    found,
    needed: 'the medium that it lies on, in its place and whole',
    next: 'plug it in again (or copy the bundle and name that: --bundle FILE), then run the same command: it goes on where it was',
  })
}

function deskGone(digest: Digest): MojaboxError {
  return new MojaboxError({
    code: 'desk-gone',
    kind: 'host',
    message: 'the desk did not come back',
    found: `no connection for ${DESK_WAIT_MS / 60_000} minutes`,
    needed: `the desk's bundle for ${digest}`,
    next: 'run the same command again from the desk: it resumes',
  })
}

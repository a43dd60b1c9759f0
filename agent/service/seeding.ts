import { setTimeout as delay } from 'node:timers/promises'
import { factsOf } from '../../bundles/format/error.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import type { Peer } from '../contract/channel.ts'
import type { Emit } from '../contract/events.ts'
import type { MirrorBlob } from '../store/answer-blob.ts'
import type { Arrival, Arrivals, Fetch, Others } from '../store/arrivals.ts'
import { fetchFromPeer, PeerFailed } from '../store/fetch-from-peer.ts'
import { makeRunIdentity, type RunIdentity } from '../store/run-identity.ts'
import { type SeedServer, serveSeeds } from '../store/seed-server.ts'
import type { Store } from '../store/store.ts'
import { quickerThan } from './compare-pace.ts'
import type { DeskLink, Wish } from './desk-link.ts'
import { lackedBlobs, type NeededBlob } from './needed-blobs.ts'

/** A peer that failed in the middle is not asked again for so long, milliseconds. */
const REST_MS = 30_000
/** For so long a peer may be slow, milliseconds; longer each time that the desk knows none better. */
const PATIENCE_MS = 8_000
/** The longest that a host waits for the others when its own work is done, milliseconds. */
const LINGER_LIMIT_MS = 15 * 60_000
const LINGER_LOOK_MS = 50

interface Started {
  server: SeedServer
  identity: RunIdentity
  /** Of the run's bundle, what this host may hand on. */
  sizes: Map<Digest, number>
  has: Set<Digest>
  wants: Digest[]
}

/** This host's part in passing a run's blobs on among its hosts: takes from the others, hands on to them. */
export class Seeding implements Others {
  readonly #link: DeskLink
  readonly #store: Store
  readonly #address: string
  readonly #emit: Emit
  readonly #signal: AbortSignal
  #arrivals: Arrivals | undefined
  #started: Started | undefined
  #peers = new Map<string, Peer>()
  /** Peers that failed: as they were, and until when they are left alone. */
  readonly #failed = new Map<string, { peer: Peer; untilMs: number }>()
  readonly #released = new Set<Digest>()
  /** From whom the bytes of a blob came. */
  readonly #from = new Map<Digest, Set<string>>()
  /** Blobs that come from a peer now. */
  readonly #following = new Set<Digest>()
  readonly #accused = new Map<Digest, Set<string>>()
  #saidUnreachable = false
  #dismissed = false
  #fromPeersBytes = 0

  constructor(link: DeskLink, store: Store, address: string, emit: Emit, signal: AbortSignal) {
    this.#link = link
    this.#store = store
    this.#address = address
    this.#emit = emit
    this.#signal = signal
    link.onPeers = (peers) => {
      this.#peers = new Map(peers.map((peer) => [peer.host, peer]))
    }
    link.onRelease = (digests) => {
      for (const digest of digests) this.#released.add(digest)
      this.#arrivals?.release(digests)
    }
    link.onDismiss = () => {
      this.#dismissed = true
    }
  }

  /** Opens the port and tells the desk what this host wants and has. Without a port the desk brings everything. */
  async start(arrivals: Arrivals, needed: NeededBlob[]): Promise<void> {
    this.#arrivals = arrivals
    const identity = makeRunIdentity()
    try {
      const server = await serveSeeds(identity, this.#address, (digest) => this.#blob(digest))
      const sizes = new Map(needed.map(({ digest, sizeBytes }) => [digest, sizeBytes]))
      const wants = (await lackedBlobs(needed, this.#store)).map(({ digest }) => digest)
      const has = new Set([...sizes.keys()].filter((digest) => !wants.includes(digest)))
      this.#started = { server, identity, sizes, has, wants }
    } catch (error) {
      const { message } = factsOf(error)
      this.#emit({ type: 'note', level: 'warn', message: `this host cannot pass blobs on, and takes none: ${message}` })
      return
    }
    // A desk that comes back may be another.
    this.#link.onAttached = () => this.#introduce()
    this.#introduce()
  }

  #introduce(): void {
    if (!this.#started) return
    const { server, identity, wants, has } = this.#started
    const { fingerprint, secret } = identity
    this.#link.say({ type: 'seeding', port: server.port, fingerprint, secret })
    this.#link.say({ type: 'wants', digests: wants })
    this.#link.say({ type: 'has', digests: [...has] })
  }

  /** From whom the desk says; from another, and in the end the desk itself, when that one fails or is slow. */
  readonly fetch: Fetch = async (digest, offsetBytes, take, signal) => {
    const started = this.#started
    if (!started) return this.#link.fetch(digest, offsetBytes, take, signal)
    let patienceMs = PATIENCE_MS
    let wish: Wish = {}
    let slowerBytesPerMs: number | undefined
    for (;;) {
      const asked = { ...wish, without: this.#without(digest) }
      const answer = await quickerThan(slowerBytesPerMs, take, signal, (paced, stop) =>
        this.#link.ask(digest, offsetBytes, paced, stop, asked),
      )
      const { quicker } = answer
      if (quicker !== undefined) this.#link.say({ type: 'tried', digest, quicker })
      slowerBytesPerMs = undefined
      wish = {}
      if (answer.quicker === false) continue
      const host = answer.value
      if (host === undefined) return
      const peer = this.#peers.get(host)
      if (!peer) {
        this.#accuse(digest, host)
        continue
      }
      try {
        await this.#fetchFrom(peer, started.identity, { digest, offset: offsetBytes(), patienceMs }, take, signal)
        return
      } catch (error) {
        if (!(error instanceof PeerFailed)) throw error
        if (error.how !== 'slow') this.#note(peer, error)
        else {
          slowerBytesPerMs = error.bytesPerMs
          wish = { slow: host }
          patienceMs *= 2
        }
      }
    }
  }

  async #fetchFrom(
    peer: Peer,
    identity: RunIdentity,
    what: { digest: Digest; offset: number; patienceMs: number },
    take: (bytes: Buffer) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const from = this.#from.get(what.digest) ?? new Set()
    this.#from.set(what.digest, from)
    const counted = async (bytes: Buffer) => {
      from.add(peer.host)
      this.#fromPeersBytes += bytes.length
      await take(bytes)
    }
    this.#following.add(what.digest)
    await fetchFromPeer(peer, identity, what, counted, signal).finally(() => this.#following.delete(what.digest))
  }

  #note(peer: Peer, { how }: PeerFailed): void {
    const neverGave = ![...this.#from.values()].some((hosts) => hosts.has(peer.host))
    const untilMs = how === 'silent' && neverGave ? Number.POSITIVE_INFINITY : Date.now() + REST_MS
    this.#failed.set(peer.host, { peer, untilMs })
    if (how === 'cut' || !neverGave || this.#saidUnreachable) return
    this.#saidUnreachable = true
    this.#emit({
      type: 'note',
      level: 'warn',
      message: `${peer.host} cannot be reached from here (${peer.address}, TCP ${peer.port}): the desk sends what it has. Where hosts may not reach each other, --no-seeding spares the try`,
    })
  }

  /** The hosts that the desk is not to name. One that begins anew is another. */
  #without(digest: Digest): string[] {
    const failed = [...this.#failed].filter(
      ([host, { peer, untilMs }]) => untilMs > Date.now() && this.#peers.get(host)?.fingerprint === peer.fingerprint,
    )
    return [...new Set([...failed.map(([host]) => host), ...(this.#accused.get(digest) ?? [])])]
  }

  #accuse(digest: Digest, host: string): void {
    this.#accused.set(digest, (this.#accused.get(digest) ?? new Set()).add(host))
  }

  want(digest: Digest): boolean {
    return this.#started !== undefined && !this.#released.has(digest)
  }

  arrived(digest: Digest): void {
    if (!this.#started) return
    this.#started.has.add(digest)
    this.#link.say({ type: 'has', digests: [digest] })
  }

  accused(digest: Digest): boolean {
    const hosts = this.#from.get(digest) ?? new Set()
    for (const host of hosts) this.#accuse(digest, host)
    this.#from.delete(digest)
    return hosts.size > 0
  }

  async #blob(digest: Digest): Promise<MirrorBlob | undefined> {
    const sizeBytes = this.#started?.sizes.get(digest)
    if (sizeBytes === undefined) return undefined
    if ((await this.#store.sizeOf(digest)) === sizeBytes) {
      return { sizeBytes, read: (offset) => this.#store.read(digest, offset) }
    }
    const arrival = this.#arrivals?.underway(digest)
    if (!arrival) return undefined
    // Of a host that waits for its desk nothing can be had for a while.
    if (arrival.arrivedBytes < sizeBytes && !this.#link.alive && !this.#following.has(digest)) return undefined
    return { sizeBytes, read: (offset) => this.#follow(arrival, offset) }
  }

  async *#follow(arrival: Arrival, offset: number): AsyncGenerator<Buffer> {
    let at = offset
    try {
      for await (const piece of arrival.read(offset)) {
        at += piece.length
        yield piece
      }
    } catch (error) {
      // It was moved into the store before it was opened.
      if ((await this.#store.sizeOf(arrival.digest)) !== arrival.sizeBytes) throw error
      yield* this.#store.read(arrival.digest, at)
    }
  }

  /**
   * The run is over here. After a good end this host goes on handing on until the desk dismisses it, which it does once
   * no other host wants anything, or is gone; then nothing is left of what was kept for others.
   */
  async close(succeeded: boolean): Promise<void> {
    const untilMs = Date.now() + LINGER_LIMIT_MS
    const isDismissed = () => this.#dismissed || !this.#link.alive || this.#signal.aborted || Date.now() > untilMs
    while (succeeded && this.#started && !isDismissed()) await delay(LINGER_LOOK_MS)
    await this.#started?.server.close()
    this.#started = undefined
    if (succeeded) await this.#arrivals?.empty()
    else this.#arrivals?.release()
  }

  /** Where this run's bytes came from; undefined where none were passed on. */
  get bytes(): { fromDeskBytes: number; fromPeersBytes: number } | undefined {
    return this.#started && { fromDeskBytes: this.#link.receivedBytes, fromPeersBytes: this.#fromPeersBytes }
  }
}

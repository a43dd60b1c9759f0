import { createHash, type Hash } from 'node:crypto'
import { createReadStream, rmSync } from 'node:fs'
import { type FileHandle, open, rm, stat, truncate } from 'node:fs/promises'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import { isNoSpace, noSpace, writeAll } from './disk-space.ts'
import type { Store } from './store.ts'

/**
 * Brings bytes of a blob from wherever they are (the desk), from `offsetBytes` on; `take` is awaited (back-pressure).
 * Resolves after the last byte; a lost link is its business: it waits for the desk to come back and goes on.
 */
export type Fetch = (
  digest: Digest,
  offsetBytes: () => number,
  take: (bytes: Buffer) => Promise<void>,
  signal: AbortSignal,
) => Promise<void>

/** The other hosts of a run, where blobs are passed on among them. */
export interface Others {
  /** One of them may still ask for it here: it stays when this host needs it no more. */
  want(digest: Digest): boolean
  /** It is whole. */
  arrived(digest: Digest): void
  /** Its digest is wrong. True where it came from one of them, so that it is worth asking for again. */
  accused(digest: Digest): boolean
}

/** One blob on its way: readers follow the file while it grows. */
export class Arrival {
  readonly digest: Digest
  readonly sizeBytes: number
  readonly #path: string
  #arrivedBytes = 0
  #held = false
  /** How often it was begun anew. */
  #beginnings = 0
  #failure: unknown
  #complete = false
  #waiting: (() => void)[] = []
  /** Settles when every byte is there and the digest is right. */
  readonly done: Promise<void>

  constructor(digest: Digest, sizeBytes: number, path: string, bring: (arrival: Arrival) => Promise<void>) {
    this.digest = digest
    this.sizeBytes = sizeBytes
    this.#path = path
    this.done = bring(this).then(
      () => {
        this.#complete = true
        this.#wake()
      },
      (error) => {
        this.#failure = error
        this.#wake()
        throw error
      },
    )
    this.done.catch(() => {})
  }

  get arrivedBytes(): number {
    return this.#arrivedBytes
  }

  advance(bytes: number): void {
    this.#arrivedBytes += bytes
    this.#wake()
  }

  /** Of bytes that were there already: nothing is handed on before all of them were checked. */
  hold(): void {
    this.#held = true
  }

  /** What had arrived counts for nothing: who was given of it must ask again. */
  startOver(): void {
    this.#arrivedBytes = 0
    this.#beginnings += 1
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /**
   * The bytes from `offsetBytes`, as they arrive; where they began to in an earlier run, once all are there. The last
   * piece is held back until the digest was checked, so a reader never has a whole blob that is wrong.
   */
  async *read(offsetBytes: number): AsyncGenerator<Buffer> {
    let at = offsetBytes
    let beginnings = this.#beginnings
    let file: FileHandle | undefined
    try {
      while (at < this.sizeBytes) {
        if (this.#failure) throw this.#failure
        // A runtime whose body is cut asks for the rest, finds the whole damaged, and then asks for all of it.
        if (beginnings !== this.#beginnings && at > offsetBytes) throw new Error(`${this.digest} is brought anew`)
        beginnings = this.#beginnings
        const checkable = this.#held ? 0 : Math.min(this.#arrivedBytes, this.sizeBytes - 1)
        const ready = this.#complete ? this.sizeBytes : checkable
        if (at >= ready) {
          await new Promise<void>((resolve) => this.#waiting.push(resolve))
          continue
        }
        file ??= await open(this.#path, 'r')
        const buffer = Buffer.allocUnsafe(Math.min(256 * 1024, ready - at))
        const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
        // A damaged blob is emptied: why is about to be said.
        if (bytesRead === 0) {
          await this.done
          throw new Error(`${this.digest} was taken away while it was read`)
        }
        at += bytesRead
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await file?.close()
    }
  }
}

/** The blobs on their way into the store. A blob asked for twice travels once. */
export class Arrivals {
  readonly #store: Store
  readonly #fetch: Fetch
  readonly #signal: AbortSignal
  readonly #others: Others | undefined
  readonly #open = new Map<Digest, Arrival>()
  readonly #keeping = new Map<Digest, Promise<void>>()
  /** Not needed here any more, and still here for others. */
  readonly #lent = new Set<Digest>()
  readonly #cameBytes = new Map<Digest, number>()
  /** Bytes that came in this run. */
  fetchedBytes = 0
  onBytes: () => void = () => {}

  constructor(store: Store, fetch: Fetch, signal: AbortSignal, others?: Others) {
    this.#store = store
    this.#fetch = fetch
    this.#signal = signal
    this.#others = others
  }

  /** The blob while it is on its way, or has come and was neither kept nor dropped. */
  underway(digest: Digest): Arrival | undefined {
    return this.#open.get(digest)
  }

  /** Bytes of this blob that came in this run; more than its size where a damaged one came again. */
  cameBytes(digest: Digest): number {
    return this.#cameBytes.get(digest) ?? 0
  }

  get(digest: Digest, sizeBytes: number): Arrival {
    const known = this.#open.get(digest)
    if (known) return known
    const arrival = new Arrival(digest, sizeBytes, this.#store.ingestPath(digest), (self) => this.#bring(self))
    this.#open.set(digest, arrival)
    arrival.done.then(
      () => this.#others?.arrived(digest),
      () => this.#open.delete(digest),
    )
    return arrival
  }

  /** Into the store for good; who asks while another does waits for the same. */
  keep(digest: Digest, sizeBytes: number): Promise<void> {
    let keeping = this.#keeping.get(digest)
    if (!keeping) {
      keeping = this.#keep(digest, sizeBytes).finally(() => this.#keeping.delete(digest))
      this.#keeping.set(digest, keeping)
    }
    return keeping
  }

  async #keep(digest: Digest, sizeBytes: number): Promise<void> {
    const there = await this.#store.sizeOf(digest)
    if (there === sizeBytes) return
    if (there !== undefined) await this.#store.remove(digest)
    await this.get(digest, sizeBytes).done
    await this.#store.commit(digest)
    this.#open.delete(digest)
  }

  /** The runtime has it and nobody reads it any more: the bytes go, once no other host wants them. */
  drop(digest: Digest): void {
    if (!this.#open.has(digest)) return
    if (this.#others?.want(digest)) return void this.#lent.add(digest)
    this.#lent.delete(digest)
    // In one go: who asks for it in between must not meet a file that is just being taken away.
    rmSync(this.#store.ingestPath(digest), { force: true })
    this.#open.delete(digest)
  }

  /** No other host wants these any more; by default any that is here for others. */
  release(digests: Iterable<Digest> = [...this.#lent]): void {
    for (const digest of digests) if (this.#lent.has(digest)) this.drop(digest)
  }

  /** All that came is where it belongs, and what is left of blobs in flight goes, but for what others still want. */
  async clear(): Promise<void> {
    if (this.#others === undefined) return this.empty()
    for (const digest of [...this.#open.keys()]) this.drop(digest)
  }

  /** Whatever others want. */
  async empty(): Promise<void> {
    await rm(this.#store.ingestFolder, { recursive: true, force: true })
    this.#open.clear()
    this.#lent.clear()
  }

  async #bring(arrival: Arrival): Promise<void> {
    const { digest, sizeBytes } = arrival
    const path = this.#store.ingestPath(digest)
    try {
      const hash = createHash('sha256')
      const had = await hashExisting(path, hash, sizeBytes)
      if (had > 0) arrival.hold()
      let found = await this.#receive(arrival, path, had, hash).catch(damage)
      // A power cut may have damaged what an earlier run left, or another host what it handed on: no fault of the bundle's.
      if (found !== digest && (this.#others?.accused(digest) || had > 0)) {
        arrival.startOver()
        found = await this.#receive(arrival, path, 0, createHash('sha256')).catch(damage)
      }
      if (found === digest) return
      await truncate(path)
      throw found instanceof MojaboxError ? found : corrupt(digest, `bytes with digest ${found}`)
    } catch (error) {
      throw isNoSpace(error) ? noSpace(path, sizeBytes) : error
    }
  }

  /** Appends what comes to the `had` bytes that are there and hashed; gives the digest of the whole. */
  async #receive(arrival: Arrival, path: string, had: number, hash: Hash): Promise<Digest> {
    const file = await open(path, had === 0 ? 'w' : 'r+')
    try {
      let at = had
      if (had > 0) arrival.advance(had)
      const take = async (bytes: Buffer) => {
        if (at + bytes.length > arrival.sizeBytes) throw corrupt(arrival.digest, 'more bytes than its manifest says')
        await writeAll(file, bytes, at)
        hash.update(bytes)
        at += bytes.length
        this.fetchedBytes += bytes.length
        this.#cameBytes.set(arrival.digest, this.cameBytes(arrival.digest) + bytes.length)
        arrival.advance(bytes.length)
        this.onBytes()
      }
      if (at < arrival.sizeBytes) await this.#fetch(arrival.digest, () => at, take, this.#signal)
      if (at !== arrival.sizeBytes) throw corrupt(arrival.digest, `${at} bytes instead of ${arrival.sizeBytes}`)
      return `sha256:${hash.digest('hex')}`
    } finally {
      await file.close()
    }
  }
}

/** Feeds what is already there into the hash and gives its length; a file that is too long starts again. */
async function hashExisting(path: string, hash: Hash, sizeBytes: number): Promise<number> {
  const found = (await stat(path).catch(() => undefined))?.size ?? 0
  if (found === 0 || found > sizeBytes) return 0
  for await (const piece of createReadStream(path)) hash.update(piece)
  return found
}

/** What came is too much or too little; any other failure is thrown on. */
function damage(error: unknown): MojaboxError {
  if (error instanceof MojaboxError && error.facts.code === 'blob-corrupt') return error
  throw error
}

function corrupt(digest: Digest, found: string): MojaboxError {
  return new MojaboxError({
    code: 'blob-corrupt',
    kind: 'bundle',
    message: `a blob arrived damaged: ${digest}`,
    found,
    needed: `bytes whose sha256 is ${digest.slice('sha256:'.length)}`,
    next: 'run `mojabox bundle verify` on the bundle, then run the same command again',
  })
}

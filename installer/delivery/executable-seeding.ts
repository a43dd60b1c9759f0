import type { Connection } from '../fleet/connection.ts'
import { deliverExecutable, digestThere } from './deliver-executable.ts'
import type { Executable } from './executable.ts'
import { type HandingOn, startHandingOn, takeFromHost } from './hand-on.ts'

/** A host that has the executable and hands it on. */
interface Source {
  host: string
  address: string
  connection: Connection
  /** Once somebody asked. */
  handingOn: Promise<HandingOn> | undefined
  readers: number
}

/** At once from one host: then others have it too. */
const READERS_AT_ONCE = 4

/** A host that is to get the executable. */
export interface Receiver {
  host: string
  /** At which others reach it; undefined when it takes no part. */
  address: string | undefined
  connection: Connection
}

/** What is under way for one executable, over all hosts. */
interface Pool {
  sources: Source[]
  /** Deliveries of which each will make a source. */
  underway: number
  waiting: (() => void)[]
}

/**
 * Gets the executable onto the hosts of a run with one copy leaving the desk: who has it hands it on to those that
 * wait. Whatever fails on that way, the desk sends it.
 */
export class ExecutableSeeding {
  readonly #pools = new Map<string, Pool>()

  /**
   * @param direct the executable as the desk sends it
   * @param there the digest of what is on the host, where that is known (`digestThere`)
   * @throws MojaboxError kind host, or `executable-not-sent` with what the host said
   */
  async deliver(
    receiver: Receiver,
    direct: Executable,
    onBytes: (doneBytes: number, totalBytes: number) => void,
    signal: AbortSignal,
    there = digestThere(receiver.connection, signal),
  ): Promise<void> {
    const { host, connection, address } = receiver
    const send = () => deliverExecutable(connection, direct, onBytes, signal)
    const isThere = (await there) === direct.sha256
    if (address === undefined) return isThere ? undefined : void (await send())
    const pool = this.#poolOf(direct.sha256)
    if (!isThere) {
      const source = await claim(pool, signal)
      try {
        if (source === undefined || !(await take(receiver, source, direct, signal))) await send()
      } finally {
        if (source) source.readers -= 1
        pool.underway -= 1
        wake(pool)
      }
    }
    pool.sources.push({ host, address, connection, handingOn: undefined, readers: 0 })
    wake(pool)
  }

  /** The connection to this host ends: nobody is sent to it any more. */
  leave(host: string): void {
    for (const pool of this.#pools.values()) {
      const gone = pool.sources.filter((source) => source.host === host)
      pool.sources = pool.sources.filter((source) => source.host !== host)
      for (const { handingOn } of gone) handingOn?.then((open) => open.end()).catch(() => {})
    }
  }

  #poolOf(sha256: string): Pool {
    const pool = this.#pools.get(sha256) ?? { sources: [], underway: 0, waiting: [] }
    this.#pools.set(sha256, pool)
    return pool
  }
}

/** Waits for a host that hands it on, as long as one is about to have it; undefined when the desk has to send it. */
async function claim(pool: Pool, signal: AbortSignal): Promise<Source | undefined> {
  for (;;) {
    signal.throwIfAborted()
    const [least] = pool.sources.toSorted((left, right) => left.readers - right.readers)
    const source = least && least.readers < READERS_AT_ONCE ? least : undefined
    if (source || pool.underway === 0) {
      if (source) source.readers += 1
      pool.underway += 1
      return source
    }
    await new Promise<void>((resolve) => {
      pool.waiting.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }
}

function wake(pool: Pool): void {
  for (const resolve of pool.waiting.splice(0)) resolve()
}

/** @returns false when it has to come another way */
async function take(
  { connection }: Receiver,
  source: Source,
  direct: Executable,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    source.handingOn ??= startHandingOn(source.connection, source.address)
    const { port, token } = await source.handingOn
    return await takeFromHost(connection, direct, { address: source.address, port, token: await token() }, signal)
  } catch {
    signal.throwIfAborted()
    return false
  }
}

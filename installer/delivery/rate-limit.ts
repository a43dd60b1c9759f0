import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { BlobSource } from '../../bundles/format/blob-source.ts'
import type { Executable, Sendable } from './executable.ts'

/** Sent at once, bytes: small against a second of any rate that one would ask for. */
const PIECE_BYTES = 16 * 1024

/** The desk's uplink as it may be used: one for all hosts of a run. */
export class RateLimit {
  readonly #bytesPerMs: number
  #freeAtMs = 0

  /** @param bytesPerSecond at least 1 */
  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000
  }

  /** The same blobs, no faster. */
  paced(source: BlobSource): BlobSource {
    return {
      sizeOf: (digest) => source.sizeOf(digest),
      read: (digest, offsetBytes) => this.#pace(source.read(digest, offsetBytes)),
    }
  }

  pacedExecutable(executable: Executable): Executable {
    const paced = <T extends Sendable>(sent: T): T => ({
      ...sent,
      open: (offset: number) => this.#pace(sent.open(offset)),
    })
    return { ...paced(executable), packed: executable.packed && paced(executable.packed) }
  }

  #pace(stream: Readable): Readable {
    return Readable.from(this.#pieces(stream), { objectMode: false, highWaterMark: PIECE_BYTES })
  }

  async *#pieces(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of stream) {
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
        const piece = chunk.subarray(at, at + PIECE_BYTES)
        await this.#turn(piece.length)
        yield piece
      }
    }
  }

  /** Whoever asks first goes first; time that nobody used is not saved up. */
  async #turn(bytes: number): Promise<void> {
    const now = performance.now()
    const startMs = Math.max(now, this.#freeAtMs)
    this.#freeAtMs = startMs + bytes / this.#bytesPerMs
    if (startMs > now) await delay(startMs - now)
  }
}

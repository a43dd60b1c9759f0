import type { Fetch } from '../../../agent/store/arrivals.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'

export interface Asked {
  digest: Digest
  offset: number
}

/** A desk whose blobs are handed over a piece at a time, as the test wants. */
export class FakeDesk {
  readonly blobs = new Map<Digest, Buffer>()
  readonly asked: Asked[] = []
  pieceBytes = 1000
  /** Awaited before each piece. */
  beforePiece: (at: number, digest: Digest) => Promise<void> | void = () => {}
  /** What really comes in place of a piece. */
  garble: (piece: Buffer, at: number) => Buffer = (piece) => piece
  failure: unknown

  add(content: Buffer | string): Digest {
    const bytes = Buffer.from(content)
    const digest = digestOf(bytes)
    this.blobs.set(digest, bytes)
    return digest
  }

  addJson(value: unknown): { digest: Digest; size: number } {
    const bytes = Buffer.from(JSON.stringify(value))
    return { digest: this.add(bytes), size: bytes.length }
  }

  readonly fetch: Fetch = async (digest, offsetBytes, take, signal) => {
    this.asked.push({ digest, offset: offsetBytes() })
    if (this.failure !== undefined) throw this.failure
    const bytes = this.blobs.get(digest)
    if (!bytes) throw new Error(`no blob ${digest}`)
    for (let at = offsetBytes(); at < bytes.length; at += this.pieceBytes) {
      signal.throwIfAborted()
      await this.beforePiece(at, digest)
      await take(this.garble(bytes.subarray(at, at + this.pieceBytes), at))
    }
  }
}

/** A door that the test opens. */
export function gate(): { open: () => void; passed: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { open: resolve, passed: promise }
}

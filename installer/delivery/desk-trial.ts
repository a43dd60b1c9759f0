import type { Digest } from '../../bundles/format/manifest.ts'

/** The first pause after a trial that found the desk no quicker, milliseconds; each such trial doubles it. */
const PAUSE_MS = 30_000

interface Trying<M> {
  member: M
  digest: Digest
  /** Who is suspected. */
  slow: M
}

/**
 * Where a blob comes slowly from another host, the desk may be quicker; or its own link is what everything waits for, and
 * a second copy makes it worse. So one host at a time tries it, and seldom again when it was no use.
 */
export class DeskTrial<M> {
  readonly #nowMs: () => number
  #trying: Trying<M> | undefined
  #notBeforeMs = 0
  #pauseMs = PAUSE_MS

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** True when it may be tried now; it then is. */
  begin(trying: Trying<M>): boolean {
    if (this.#trying || this.#nowMs() < this.#notBeforeMs) return false
    this.#trying = trying
    return true
  }

  /** What came of it. @returns who was slow, where the desk proved quicker */
  tried(member: M, digest: Digest, quicker: boolean): M | undefined {
    if (!this.#isOf(member, digest)) return undefined
    const { slow } = this.#trying ?? {}
    this.#trying = undefined
    if (quicker) return slow
    this.#notBeforeMs = this.#nowMs() + this.#pauseMs
    this.#pauseMs *= 2
    return undefined
  }

  /** The member tries that blob no more, or none; nothing was learned. */
  left(member: M, digest?: Digest): void {
    if (this.#trying?.member === member && (digest ?? this.#trying.digest) === this.#trying.digest)
      this.#trying = undefined
  }

  #isOf(member: M, digest: Digest): boolean {
    return this.#trying?.member === member && this.#trying.digest === digest
  }
}

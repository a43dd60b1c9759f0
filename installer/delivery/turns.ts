import { setImmediate as afterWhatIsReady } from 'node:timers/promises'

/**
 * Whose turn it is on a link that all share: of those that are ready, the lowest number, one at a time. What one of them
 * does not use, because it reads, goes to the next.
 */
export class Turns {
  readonly #waiting: { number: number; go: () => void }[] = []
  #taken = false

  /** Does `send` when its turn has come. */
  async take(number: number, send: () => Promise<void>): Promise<void> {
    if (this.#taken) await new Promise<void>((go) => this.#waiting.push({ number, go }))
    this.#taken = true
    try {
      await send()
    } finally {
      void this.#pass()
    }
  }

  /** Later, so that who has just had it can ask for the next. */
  async #pass(): Promise<void> {
    await afterWhatIsReady()
    const first = this.#waiting.toSorted((left, right) => left.number - right.number)[0]
    if (!first) {
      this.#taken = false
      return
    }
    this.#waiting.splice(this.#waiting.indexOf(first), 1)
    first.go()
  }
}

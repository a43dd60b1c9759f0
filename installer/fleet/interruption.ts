import { MojaboxError } from '../../bundles/format/error.ts'

/** Why an abort signal fired, as an error of ours. */
export function interruption(signal: AbortSignal): MojaboxError {
  if (signal.reason instanceof MojaboxError) return signal.reason
  return new MojaboxError(
    {
      code: 'interrupted',
      kind: 'interrupted',
      message: 'interrupted',
      next: 'run the same command again: it goes on where this one stopped',
    },
    { cause: signal.reason },
  )
}

/** A time-out that stands still while a person is being asked. */
export class Countdown {
  #leftMs: number
  #since = 0
  #timer: NodeJS.Timeout | undefined
  readonly #onEnd: () => void

  constructor(limitMs: number, onEnd: () => void) {
    this.#leftMs = limitMs
    this.#onEnd = onEnd
    this.resume()
  }

  pause(): void {
    if (this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#leftMs -= performance.now() - this.#since
  }

  resume(): void {
    if (this.#timer !== undefined) return
    this.#since = performance.now()
    this.#timer = setTimeout(this.#onEnd, Math.max(0, this.#leftMs))
  }
}

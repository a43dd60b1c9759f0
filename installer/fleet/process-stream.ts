import { Duplex, type Readable, type Writable } from 'node:stream'

type WriteCallback = (error?: Error | null) => void

/**
 * A process' stdin and stdout as one Duplex with back-pressure both ways. `end()` closes stdin only.
 *
 * It mends what raw pipes and ssh2 channels leave open: a write to a process that has gone fails with EPIPE instead of
 * waiting for ever (ssh2 never calls back), but only after its last output was read; and output that stops because
 * the link broke ends in an error, not in a clean end that would pass for the whole.
 */
export class ProcessStream extends Duplex {
  readonly #stdin: Writable
  readonly #stdout: Readable
  #writing: WriteCallback | undefined
  #gone = false

  /** `truncated` is asked when stdout ends: an error when that was not the process' own doing. */
  constructor(stdin: Writable, stdout: Readable, truncated: () => Error | undefined) {
    super({ allowHalfOpen: true })
    this.#stdin = stdin
    this.#stdout = stdout
    // The caller hears of a broken link by `exited`; without a listener of ours it would also crash the desk.
    this.on('error', () => {})
    this.once('end', () => this.#failWrites())
    stdin.on('error', () => this.processGone())
    stdout.on('error', (error) => this.destroy(error))
    stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) stdout.pause()
    })
    stdout.on('end', () => {
      const error = truncated()
      if (error === undefined) this.push(null)
      else this.destroy(error)
    })
    stdout.pause()
  }

  /** The process reads no more. */
  processGone(): void {
    this.#gone = true
    const isRead = this.readableFlowing !== null || this.listenerCount('readable') > 0
    if (this.readableEnded || !isRead) this.#failWrites()
  }

  override _read(): void {
    this.#stdout.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: WriteCallback): void {
    this.#writing = callback
    if (this.#gone) {
      this.processGone()
      return
    }
    this.#stdin.write(chunk, (error) => {
      if (error === undefined || error === null) this.#settleWrite()
      else this.processGone()
    })
  }

  override _final(callback: WriteCallback): void {
    if (!this.#gone) this.#stdin.end()
    callback()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#writing = undefined
    this.#stdin.end()
    // Whatever still comes must not hold up the connection's other channels.
    this.#stdout.removeAllListeners('data')
    this.#stdout.resume()
    callback(error)
  }

  #failWrites(): void {
    if (this.#gone) this.#settleWrite(Object.assign(new Error('the process has ended'), { code: 'EPIPE' }))
  }

  #settleWrite(error?: Error | null): void {
    const callback = this.#writing
    this.#writing = undefined
    callback?.(error)
  }
}

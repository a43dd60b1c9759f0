import { constants } from 'node:os'

const TAIL_BYTES = 8 * 1024

/** The last 8 KiB of a stream of bytes. */
export class Tail {
  #bytes = Buffer.alloc(0)

  add(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]).subarray(-TAIL_BYTES)
  }

  text(): string {
    return this.#bytes.toString('utf8')
  }
}

/** An exit code as shells tell it: 128 and the signal's number for a process that was killed. */
export function exitCode(code: number | null | undefined, signal: string | null | undefined): number {
  if (typeof code === 'number') return code
  const numbers: Readonly<Record<string, number>> = constants.signals
  return 128 + (numbers[signal ?? 'SIGTERM'] ?? 0)
}

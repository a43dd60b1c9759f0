import type { Event } from '../../agent/contract/events.ts'
import type { Io } from '../cli/io.ts'
import { TerminalReader } from './terminal.ts'

/** One reader of the event stream. */
export interface Reader {
  take(event: Event): void
  end(): void
}

export interface ReaderOptions {
  json: boolean
  hosts: number
  verb: string
}

/** Everything a person sees is in the events: `--json` prints just those. */
export function createReader(io: Io, options: ReaderOptions): Reader {
  if (options.json) return { take: (event) => io.stdout(`${JSON.stringify(event)}\n`), end: () => {} }
  return new TerminalReader(io, options)
}

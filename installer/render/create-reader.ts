import type { Io } from '../cli/io.ts'
import type { Reader, ReaderOptions } from './reader.ts'
import { TerminalReader } from './terminal.ts'

/** Everything a person sees is in the events: `--json` prints just those. */
export function createReader(io: Io, options: ReaderOptions): Reader {
  if (options.json) return { take: (event) => io.stdout(`${JSON.stringify(event)}\n`), end: () => {} }
  return new TerminalReader(io, options)
}

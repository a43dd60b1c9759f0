import type { Event } from '../../agent/contract/events.ts'
import type { Io } from '../cli/io.ts'
import type { Reader, ReaderOptions } from './reader.ts'
import { TerminalReader } from './terminal.ts'

/** Everything a person sees is in the events: `--json` prints just those. */
export function createReader(io: Io, options: ReaderOptions): Reader {
  if (options.json) return { take: (event) => io.stdout(`${JSON.stringify(event)}\n`), end: () => {} }
  if (!options.quiet) return new TerminalReader(io, options)
  const reader = new TerminalReader({ ...io, isTty: false }, options)
  return { take: (event) => isResult(event) && reader.take(event), end: () => reader.end() }
}

const RESULTS: Event['type'][] = ['report', 'status', 'plan', 'step-failed', 'run-finished']

/** What a person who wants no progress still wants to know. */
function isResult(event: Event): boolean {
  if (event.type === 'check') return event.result.status === 'fail'
  if (event.type === 'note') return event.level === 'warn'
  return RESULTS.includes(event.type)
}

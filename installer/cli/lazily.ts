import type { WorkOrder } from '../../agent/contract/work-order.ts'
import type { VerbOptions } from '../actions/run-verb.ts'
import type { Io } from './io.ts'

/** Loads what a verb needs only when it runs: `--help` stays quick. */
export async function runVerbLazily(verb: WorkOrder['verb'], options: VerbOptions, io: Io): Promise<void> {
  const { runVerb } = await import('../actions/run-verb.ts')
  await runVerb(verb, options, io)
}

import type { Compression } from '../image-set/bundle.ts'
import type { Bench } from '../measure/bench.ts'
import type { Samples } from '../measure/samples.ts'
import type { CarriedSet } from './carried-set.ts'
import type { Runtime } from './runtime.ts'
import type { SavedTars } from './saved-tars.ts'

/** What `--only` chooses from. */
export const PARTS = ['cold', 'upgrade', 'noop', 'link100', 'five_nodes', 'floors'] as const
export type PartName = (typeof PARTS)[number]

/** Everything that is measured with one runtime. */
export interface Trial {
  bench: Bench
  runtime: Runtime
  sets: Record<Compression, CarriedSet>
  tars: SavedTars
  parts: ReadonlySet<PartName>
  samples: Samples
}

/** One round of a part. */
export interface Round {
  /** From 1. */
  number: number
  isLast: boolean
}

/** The set in the bundles that count. */
export function mainSet({ sets, runtime }: Trial): CarriedSet {
  return sets[runtime.compression]
}

export function say({ bench, runtime }: Trial, line: string): void {
  bench.say(`${runtime.name} ${line}`)
}

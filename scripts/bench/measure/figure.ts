/** One measured figure of the benchmark. */
export interface Figure {
  id: string
  value: number
  unit: string
  /** The largest value that is good; null where there is no bar. */
  limit: number | null
  /** Null where there is no bar. */
  ok: boolean | null
  note?: string
}

/** Something could not be measured; what could be is kept. */
export class Unfinished extends Error {
  readonly figures: Figure[]

  constructor(figures: Figure[], cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.figures = figures
  }
}

/** A figure, rounded to the three decimals that a reader can use. */
export function figure(id: string, value: number, unit: string, more: { limit?: number; note?: string } = {}): Figure {
  const { limit = null, note } = more
  const rounded = Math.round(value * 1000) / 1000
  const ok = limit === null ? null : rounded <= limit
  return { id, value: rounded, unit, limit, ok, ...(note !== undefined && { note }) }
}

/** @throws RangeError without values */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.floor((sorted.length - 1) / 2)]
  if (lower === undefined || upper === undefined) throw new RangeError('median of nothing')
  return (lower + upper) / 2
}

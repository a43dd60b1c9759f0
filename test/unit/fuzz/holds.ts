import fc from 'fast-check'

/** Cases a property, unless `MOJABOX_FUZZ_RUNS` says otherwise: for whoever has longer than a commit. */
const RUNS = Number(process.env.MOJABOX_FUZZ_RUNS) || undefined
/** The same cases every time; a longer run makes up its own, and names its seed when it fails. `MOJABOX_FUZZ_SEED` repeats it. */
const SEED = Number(process.env.MOJABOX_FUZZ_SEED) || (RUNS === undefined ? 1 : undefined)

/** How long one test of this folder may take, milliseconds. */
export const FUZZ_LIMIT_MS = RUNS === undefined ? 20_000 : 60 * 60_000

/**
 * Tries a property with so many made-up values. What fails is made smaller first, then told with its seed.
 * @throws Error when it does not hold
 */
export async function holds<T>(
  arbitrary: fc.Arbitrary<T>,
  runs: number,
  property: (value: T) => Promise<void>,
): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, property), {
    numRuns: RUNS ?? runs,
    ...(SEED !== undefined && { seed: SEED }),
  })
}

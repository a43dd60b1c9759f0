/**
 * What a validation proves, in the order in which it is run. `services`: everything runs and is connected. `ledger`:
 * money moves. `transfer`: one DFSP pays another through the hub.
 */
export const LEVELS = ['services', 'ledger', 'transfer'] as const
export type Level = (typeof LEVELS)[number]

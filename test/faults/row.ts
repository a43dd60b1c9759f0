import type { Ground } from './ground.ts'

export const VERBS = ['install', 'upgrade'] as const

/** `upgrade`: an install of a later bundle onto a hub that has data. */
export type FaultVerb = (typeof VERBS)[number]

/** One fault, what it is done to, and what is expected then. */
export interface FaultRow {
  /** `GROUP/FAULT/VERB`, in kebab case; what `npm run faults -- ID` takes, whole or its beginning. */
  id: string
  /** The fault, in words for a table. */
  title: string
  verb: FaultVerb
  /** Runs within `npm test` too. */
  fast?: true
  /** For rows whose faults are all made to one command: the points where this one's are (`points/points.c`). */
  points?: readonly string[]
  /** Hurts a command, and returns what came of it. @throws when anything is not as it must be */
  run(ground: Ground): Promise<Outcome>
}

/** What the table tells of a row that passed. */
export interface Outcome {
  /** How the hurt command ended, such as `exit 8, disk-full`. */
  said: string
  /** What was found afterwards. */
  outcome: string
}

import type { ErrorFacts } from '../../bundles/format/error.ts'
import type { Glance } from '../fleet/glance.ts'
import type { Draft } from './draft.ts'
import type { BundleSearch } from './find-bundles.ts'
import type { Question } from './prompter.ts'

export const STEP_IDS = [
  'existing',
  'where',
  'hosts',
  'host',
  'unreached',
  'key',
  'purpose',
  'profile',
  'bundle',
  'bundle-file',
  'base-file',
  'signer',
  'signer-key',
  'unready',
  'ports',
  'confirm',
] as const
export type StepId = (typeof STEP_IDS)[number]

/** What is known besides the answers. */
export interface World {
  /** The site file that is there already. */
  existing: ExistingSite | undefined
  search: BundleSearch
  /** By `hostText`: hosts that were reached in this run. */
  glances: ReadonlyMap<string, Glance>
  /** Who logs in where nobody is named. */
  user: string
  /** The folder whose site this is; absolute. */
  folder: string
}

export interface ExistingSite {
  name: string
  /** What it says, in a few words; undefined when it cannot be read as a site. */
  summary: string | undefined
  /** Why it cannot be read. */
  problem: ErrorFacts | undefined
}

/**
 * What an answer sets off before the next question; it may fail, and then says what was found and needed. `trouble` is
 * where that leads; without it the same question comes again.
 */
export type Deed = (
  | { kind: 'reach' }
  /** Wait until the search for bundles has ended. */
  | { kind: 'search' }
  /** Open one more bundle; it must carry the draft's profile, if that is chosen. */
  | { kind: 'open'; path: string }
  /** See that one of the draft's keys signed its bundle. */
  | { kind: 'trust' }
  /** Check the hosts and show what would be done. */
  | { kind: 'plan' }
  /** Write the site file. */
  | { kind: 'write' }
  /** Write the site file and install; what goes wrong then ends the wizard. */
  | { kind: 'install' }
) & { trouble?: StepId }

/** What became of a deed; `problem` when it failed. */
export interface Done {
  draft: Draft
  problem?: ErrorFacts
  /** The problem was shown while it came up. */
  told?: true
}

export type Taken =
  /** Cannot be: said, and asked again. */
  | { problem: ErrorFacts }
  | {
      draft: Draft
      deeds?: readonly Deed[]
      /** Undefined at the wizard's end. */
      next: StepId | undefined
    }

/** One question, as data and two pure functions; going back is the flow's affair. */
export interface Step {
  /** Off the straight way: once it is left forwards, going back does not lead to it. */
  detour?: true
  /** Lines to say before the question. */
  tell?(draft: Draft, world: World): string[]
  ask(draft: Draft, world: World): Question
  take(draft: Draft, answer: string, world: World): Taken
}

/** An answer that cannot be, with what can. */
export function cannot(message: string, found: string, needed: string, next: string): { problem: ErrorFacts } {
  return { problem: { code: 'answer', kind: 'usage', message, found, needed, next } }
}

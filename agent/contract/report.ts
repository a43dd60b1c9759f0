import { z } from 'zod'
import { CheckResult } from './check.ts'

export const ReportCase = z.object({
  id: z.string(),
  title: z.string(),
  status: z.enum(['pass', 'fail', 'skip']),
  seconds: z.number(),
  found: z.string(),
  needed: z.string(),
  /** Which service or topic a failure points at; empty when none. */
  subject: z.string(),
})
export type ReportCase = z.infer<typeof ReportCase>

/** One thing that a validation did or saw, in order: who called whom, and what came of it. No secrets. */
export const Movement = z.object({
  /** Milliseconds since its level began. */
  atMs: z.number(),
  /** Milliseconds until the outcome was known; null where there was nothing to wait for. */
  tookMs: z.number().nullable(),
  /** Services, DFSPs, or `mojabox` itself. */
  from: z.string(),
  to: z.string(),
  /** `POST /transfers`, `funds in: 1.25 USD` */
  what: z.string(),
  /** `202`, `COMMITTED`, `refused: 4001` */
  outcome: z.string(),
})
export type Movement = z.infer<typeof Movement>

/** A validation's outcome; written as JSON and as JUnit XML. */
export const Report = z.object({
  version: z.literal(1),
  run: z.string(),
  site: z.string(),
  host: z.string(),
  deployment: z.string(),
  profile: z.string(),
  bundle: z.string(),
  startedAt: z.string(),
  seconds: z.number(),
  passed: z.boolean(),
  levels: z.array(
    z.object({ level: z.string(), cases: z.array(ReportCase), movements: z.array(Movement).default([]) }),
  ),
  checks: z.array(CheckResult),
  skippedChecks: z.array(z.string()),
  /** IDs of the trusted keys that signed the bundle, of an install; and whether the person went on without. */
  signedBy: z.array(z.string()).default([]),
  unsignedAllowed: z.boolean().default(false),
})
export type Report = z.infer<typeof Report>

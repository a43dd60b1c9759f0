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
  levels: z.array(z.object({ level: z.string(), cases: z.array(ReportCase) })),
  checks: z.array(CheckResult),
  skippedChecks: z.array(z.string()),
})
export type Report = z.infer<typeof Report>

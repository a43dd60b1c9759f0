import { z } from 'zod'

export const CheckStatus = z.enum(['pass', 'warn', 'fail', 'skip'])
export type CheckStatus = z.infer<typeof CheckStatus>

/** A finding, never an exception: what was found, what was needed, and how to mend it. */
export const CheckResult = z.object({
  id: z.string(),
  title: z.string(),
  status: CheckStatus,
  found: z.string(),
  needed: z.string(),
  /** Empty when nothing needs mending. */
  fix: z.string(),
})
export type CheckResult = z.infer<typeof CheckResult>

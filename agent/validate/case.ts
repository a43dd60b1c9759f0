import { factsOf } from '../../bundles/format/error.ts'
import type { ReportCase } from '../contract/report.ts'

export interface CaseAbout {
  id: string
  title: string
  needed: string
  /** The service or topic to look at when it fails. */
  subject: string
}

export interface Finding {
  status: ReportCase['status']
  found: string
  /** Who is to be looked at instead of the case's own subject. */
  subject?: string
}

export const pass = (found: string): Finding => ({ status: 'pass', found })
export const fail = (found: string): Finding => ({ status: 'fail', found })
export const skip = (found: string): Finding => ({ status: 'skip', found })

/** Runs one case. What `look` throws is a failing finding, except that an interrupted run stays interrupted. */
export async function reportCase(
  about: CaseAbout,
  signal: AbortSignal,
  look: () => Promise<Finding>,
): Promise<ReportCase> {
  const startedAt = performance.now()
  const finding = await look().catch((error: unknown) => {
    signal.throwIfAborted()
    return fail(wordsOf(error))
  })
  return {
    ...about,
    subject: finding.status === 'fail' ? about.subject : '',
    ...finding,
    seconds: Math.round(performance.now() - startedAt) / 1000,
  }
}

/** What went wrong, in one line. */
export function wordsOf(error: unknown): string {
  const { message, found } = factsOf(error)
  return found && !message.includes(found) ? `${message}: ${found}` : message
}

import { MojaboxError } from '../../bundles/format/error.ts'
import type { Report } from '../contract/report.ts'

/** @throws MojaboxError `validation-failed`, naming what failed */
export function failUnlessPassed(report: Report): void {
  if (report.passed) return
  const failed = report.levels.flatMap(({ cases }) => cases.filter((entry) => entry.status === 'fail'))
  const subjects = [...new Set(failed.map((entry) => entry.subject).filter(Boolean))]
  throw new MojaboxError({
    code: 'validation-failed',
    kind: 'validation',
    message: `validation failed: ${subjects.join(', ') || 'see the report'}`,
    found: failed.map((entry) => `${entry.title}: ${entry.found}`).join('; '),
    needed: failed.map((entry) => entry.needed).join('; '),
    next: `see \`mojabox status\`${subjects[0] ? ` and \`docker logs mojabox-${subjects[0]}-1\` on the node` : ''}`,
  })
}

import type { Report } from '../../agent/contract/report.ts'
import { type Look, TONES } from './look.ts'

/** A validation for a person: each level's cases (`whole`) or only those that say more than that all is well. */
export function renderReport(report: Report, { marks, paint }: Look, whole: boolean): string {
  const lines: string[] = []
  for (const { level, cases } of report.levels) {
    const good = cases.filter((entry) => entry.status === 'pass').length
    lines.push(paint('bold', `validation ${level}: ${good} of ${cases.length} cases passed`))
    for (const entry of cases) {
      if (!whole && level === 'services' && entry.status === 'pass') continue
      const subject = entry.status === 'fail' && entry.subject ? ` [${entry.subject}]` : ''
      lines.push(`  ${paint(TONES[entry.status], marks[entry.status])} ${entry.title}: ${entry.found}${subject}`)
      if (entry.status === 'fail') lines.push(`      needed: ${entry.needed}`)
    }
  }
  return lines.join('\n')
}

import type { Report, ReportCase } from '../../agent/contract/report.ts'
import { type Look, TONES } from './look.ts'
import { renderMovements } from './movements.ts'

/**
 * A validation for a person: each level's cases and a picture of what moved (`whole`), or only the cases that say more
 * than that all is well.
 */
export function renderReport(report: Report, look: Look, whole: boolean, columns: number): string {
  const { marks, paint } = look
  const lines: string[] = []
  for (const { level, cases, movements } of report.levels) {
    lines.push(paint('bold', `validation ${level}: ${outcome(cases)}`))
    for (const entry of cases) {
      if (!whole && level === 'services' && entry.status === 'pass') continue
      const subject = entry.status === 'fail' && entry.subject ? ` [${entry.subject}]` : ''
      lines.push(`  ${paint(TONES[entry.status], marks[entry.status])} ${entry.title}: ${entry.found}${subject}`)
      if (entry.status === 'fail') lines.push(`      needed: ${entry.needed}`)
    }
    if (whole && movements.length > 0) lines.push('', renderMovements(movements, look, columns), '')
  }
  return lines.join('\n')
}

function outcome(cases: readonly ReportCase[]): string {
  const count = (status: ReportCase['status']) => cases.filter((entry) => entry.status === status).length
  const skipped = count('skip')
  const ran = cases.length - skipped
  if (ran === 0 && skipped > 0) return 'left out'
  const leftOut = skipped > 0 ? `, ${skipped} left out` : ''
  return `${count('pass')} of ${ran} cases passed${leftOut}`
}

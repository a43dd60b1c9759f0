import type { Report } from '../contract/report.ts'

/** What each failed case was to prove, with the service it points at where the title does not name it. */
export function failedCases(levels: Report['levels']): string[] {
  const failed = levels.flatMap(({ cases }) => cases.filter(({ status }) => status === 'fail'))
  return failed.map(({ subject, title }) => withoutTwice(subject ? `${subject}: ${title}` : title))
}

/** `kafka: kafka is healthy`, as a validation's summary has it, said once. */
export function withoutTwice(text: string): string {
  const [, subject = '', title = ''] = /^([^:\s]+): (.*)$/s.exec(text) ?? []
  return title.includes(subject) && title !== '' ? title : text
}

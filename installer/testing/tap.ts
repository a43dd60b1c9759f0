import type { TestCase } from './results.ts'

const RESULT = /^\s*(not )?ok\b\s*(\d+)?\s*-?\s*(.*)$/
const LONGEST_MESSAGE = 4000

/** The results in TAP (tape, node:test): one case an assertion; comment lines name what they belong to. */
export function parseTap(text: string): TestCase[] {
  const cases: TestCase[] = []
  let group = ''
  let diagnosis: string[] | undefined
  for (const line of text.split('\n')) {
    if (diagnosis) {
      if (/^\s*\.\.\.\s*$/.test(line)) {
        const last = cases.at(-1)
        if (last?.status === 'fail') last.message = diagnosis.join('\n').slice(0, LONGEST_MESSAGE)
        diagnosis = undefined
      } else diagnosis.push(line)
      continue
    }
    if (/^\s*---\s*$/.test(line)) {
      diagnosis = []
      continue
    }
    // The summary at the end is made of comments too.
    const comment = /^\s*# (?!(tests|pass|fail|ok|skip|suites|cancelled|skipped|todo|duration_ms)\b)(.*)$/.exec(line)
    if (comment) group = (comment[2] ?? '').replace(/^Subtest: /, '').trim()
    const result = RESULT.exec(line)
    if (result) cases.push(caseOf(group, result))
  }
  return cases
}

function caseOf(group: string, [, failed, number = '', words = '']: RegExpExecArray): TestCase {
  const directive = /\s#\s*(SKIP|TODO)\b/i.exec(` ${words}`)?.[1]
  const name = words.replace(/\s*#\s*(SKIP|TODO)\b.*$/i, '').trim()
  const status = directive ? 'skip' : failed ? 'fail' : 'pass'
  return { group, name: name || `test ${number}`, status, seconds: 0, message: status === 'fail' ? 'not ok' : '' }
}

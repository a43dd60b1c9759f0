import { expect } from 'vitest'
import type { Report } from '../../../agent/contract/report.ts'
import type { ErrorFacts } from '../../../bundles/format/error.ts'
import { all, type Ended, only } from './mojabox-process.ts'

/** The exit codes that README documents. */
export const EXIT = {
  done: 0,
  usage: 2,
  check: 3,
  partial: 4,
  bundle: 5,
  host: 6,
  validation: 7,
  step: 8,
  interrupted: 130,
} as const

/** Passes when a command did what it was asked; tells what it said when not. */
export function expectDone(ended: Ended): void {
  expect(ended.code, `${ended.stderr}\n${failures(ended)}`).toBe(EXIT.done)
}

/**
 * Passes when a command failed the way a person can use: that exit code, one message with what was found, what was
 * needed and what to do next, and no trace of the program's insides. Returns the message.
 */
export function expectRefused(ended: Ended, code: number): string {
  const { stderr } = ended
  expect(ended.code, `${stderr}\n${failures(ended)}`).toBe(code)
  expect(stderr.match(/^mojabox: /gm), stderr).toHaveLength(1)
  for (const part of ['found', 'needed', 'next']) expect(stderr, stderr).toMatch(new RegExp(`^ {2}${part}: +\\S`, 'm'))
  expectNoInsides(ended)
  return stderr
}

/** No stack trace, no unexpected error, no rejected promise of Node's. */
export function expectNoInsides({ stdout, stderr }: Ended): void {
  expect(stdout + stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m)
  expect(stdout + stderr).not.toMatch(/unexpected:|Unhandled|\[object Object\]/)
}

/** The error of the one host's run. */
export function errorOf(ended: Ended): ErrorFacts {
  const { error } = only(ended, 'run-finished')
  if (error === undefined) throw new Error('the run did not fail')
  return error
}

/** The steps that changed something. */
export function changesOf({ events }: Ended): string[] {
  return all(events, 'step-done').flatMap(({ id, changed }) => (changed ? [id] : []))
}

/** How many steps changed something. */
export function changedBy(ended: Ended): number {
  return only(ended, 'run-finished').changed
}

/** Subjects of the cases that failed: services and topics. */
export function blamed(report: Report): string[] {
  const failed = report.levels.flatMap(({ cases }) => cases.filter(({ status }) => status === 'fail'))
  return [...new Set(failed.map(({ subject }) => subject))].sort()
}

function failures(ended: Ended): string {
  const notes = all(ended.events, 'note').map(({ message }) => message)
  const steps = all(ended.events, 'step-failed').map(({ title, error }) => `${title}: ${error.message}: ${error.found}`)
  return [...notes, ...steps].join('\n')
}

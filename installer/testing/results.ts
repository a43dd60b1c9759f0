/** One test of a run, whatever tool ran it. */
export interface TestCase {
  /** What it belongs to: a file, a `describe`, a test of tape. */
  group: string
  name: string
  status: 'pass' | 'fail' | 'skip'
  seconds: number
  /** Of a failure: what was expected, what was found. */
  message: string
}

/** A whole run, for reports. */
export interface TestRun {
  name: string
  startedAt: Date
  seconds: number
  exitCode: number
  cases: TestCase[]
}

export function countsOf({ cases }: Pick<TestRun, 'cases'>): Record<TestCase['status'], number> {
  const count = (status: TestCase['status']) => cases.filter((each) => each.status === status).length
  return { pass: count('pass'), fail: count('fail'), skip: count('skip') }
}

/**
 * The run with a case for what its output does not tell: a tool that names no test has one, its exit code; one that
 * failed although no test did has that as a failure.
 */
export function completed(run: TestRun): TestRun {
  const { fail } = countsOf(run)
  if (run.cases.length > 0 && (run.exitCode === 0 || fail > 0)) return run
  const failed = run.exitCode !== 0
  const whole: TestCase = {
    group: run.name,
    name: 'exit code',
    status: failed ? 'fail' : 'pass',
    seconds: run.seconds,
    message: failed ? `the tests ended with exit code ${run.exitCode}` : '',
  }
  return { ...run, cases: [...run.cases, whole] }
}

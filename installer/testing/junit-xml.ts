import junitReportBuilder from 'junit-report-builder'
import { countsOf, type TestRun } from './results.ts'

// Its types speak of a default inside; the module is the builder itself.
const builder = junitReportBuilder as unknown as typeof junitReportBuilder.default

/** The run as JUnit XML, one suite. */
export function junitXmlOf(run: TestRun): string {
  const junit = builder.newBuilder()
  const suite = junit.testSuite().name(run.name).timestamp(run.startedAt).time(run.seconds)
  for (const { group, name, status, seconds, message } of run.cases) {
    const test = suite
      .testCase()
      .className(group || run.name)
      .name(name)
      .time(seconds)
    if (status === 'skip') test.skipped()
    if (status === 'fail') test.failure(message || 'failed')
  }
  return junit.build()
}

/** How the run ended, in one line. */
export function summaryOf(run: TestRun): string {
  const { pass, fail, skip } = countsOf(run)
  const skipped = skip > 0 ? `, ${skip} skipped` : ''
  return `${run.name}: ${pass} passed, ${fail} failed${skipped} in ${run.seconds.toFixed(1)} s; exit code ${run.exitCode}`
}

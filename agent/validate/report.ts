import { join } from 'node:path'
import junitReportBuilder from 'junit-report-builder'
import type { CheckResult } from '../contract/check.ts'
import type { Report, ReportCase } from '../contract/report.ts'
import type { WorkOrder } from '../contract/work-order.ts'
import { placeWithin } from '../engine/within-folder.ts'
import { makeFolder } from '../store/make-folder.ts'
import { passed } from './validate.ts'

// Its types speak of a default inside; the module is the builder itself.
const builder = junitReportBuilder as unknown as typeof junitReportBuilder.default

export interface ReportParts {
  order: Pick<WorkOrder, 'run' | 'site' | 'host' | 'deployment' | 'profile' | 'bundle' | 'skipChecks'>
  startedAt: Date
  endedAt: Date
  levels: Report['levels']
  checks: CheckResult[]
}

export function buildReport({ order, startedAt, endedAt, levels, checks }: ReportParts): Report {
  return {
    version: 1,
    run: order.run,
    site: order.site,
    host: order.host,
    deployment: order.deployment,
    profile: order.profile,
    bundle: order.bundle ?? '',
    startedAt: startedAt.toISOString(),
    seconds: Math.round(endedAt.getTime() - startedAt.getTime()) / 1000,
    passed: passed(levels) && checks.every(({ status }) => status !== 'fail'),
    levels,
    checks,
    skippedChecks: order.skipChecks,
    signedBy: [],
    unsignedAllowed: false,
  }
}

/**
 * Writes `<run>.json` and `<run>.xml` into `directory`, which is made when it is missing; returns their paths. The folder is
 * the agent's: root follows no link in it.
 */
export async function writeReport(report: Report, directory: string): Promise<{ jsonPath: string; junitPath: string }> {
  await makeFolder(directory)
  const [json, junit] = [`${report.run}.json`, `${report.run}.xml`]
  await placeWithin(directory, json, Buffer.from(`${JSON.stringify(report, null, 2)}\n`), 0o644)
  await placeWithin(directory, junit, Buffer.from(junitOf(report)), 0o644)
  return { jsonPath: join(directory, json), junitPath: join(directory, junit) }
}

/** A suite for each level, and one for the preflight checks when there were any. */
export function junitOf(report: Report): string {
  const junit = builder.newBuilder()
  for (const { level, cases } of report.levels) {
    const suite = junit.testSuite().name(suiteName(report, level)).timestamp(report.startedAt)
    for (const found of cases) {
      const test = suite.testCase().className(suiteName(report, level)).name(found.title).time(found.seconds)
      if (found.status === 'skip') test.skipped()
      if (found.status === 'fail') test.failure(failureOf(found), found.subject)
    }
  }
  if (report.checks.length > 0) {
    const suite = junit.testSuite().name(suiteName(report, 'preflight')).timestamp(report.startedAt)
    for (const check of report.checks) {
      const test = suite.testCase().className(suiteName(report, 'preflight')).name(check.title)
      if (check.status === 'skip') test.skipped()
      if (check.status === 'fail') test.failure(`found ${check.found}; needed ${check.needed}; ${check.fix}`, check.id)
    }
  }
  return junit.build()
}

function suiteName(report: Report, level: string): string {
  return [report.host, report.deployment, report.profile, level].join('.')
}

function failureOf(found: ReportCase): string {
  return `${found.subject ? `${found.subject}: ` : ''}found ${found.found}; needed ${found.needed}`
}

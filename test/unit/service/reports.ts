import type { Report, ReportCase } from '../../../agent/contract/report.ts'
import { BUNDLE } from './orders.ts'

export function caseOf(changes: Partial<ReportCase> = {}): ReportCase {
  return {
    id: 'ledger.transfer',
    title: 'money moves',
    status: 'pass',
    seconds: 1,
    found: 'it moved',
    needed: 'it moves',
    subject: '',
    ...changes,
  }
}

export function reportOf(changes: Partial<Report> = {}, ...cases: ReportCase[]): Report {
  const shown = cases.length > 0 ? cases : [caseOf()]
  return {
    version: 1,
    run: 'run-1',
    site: 'kigali',
    host: 'n1',
    deployment: 'core-test-harness',
    profile: 'central-ledger',
    bundle: BUNDLE,
    startedAt: new Date().toISOString(),
    seconds: 1,
    passed: shown.every(({ status }) => status !== 'fail'),
    levels: [{ level: 'services', cases: shown, movements: [] }],
    checks: [],
    skippedChecks: [],
    signedBy: [],
    unsignedAllowed: false,
    ...changes,
  }
}

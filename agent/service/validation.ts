import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MojaboxError } from '../../bundles/format/error.ts'
import { LAST_VALIDATION } from '../contract/last-validation.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import { Report } from '../contract/report.ts'
import type { ValidationSummary } from '../contract/status.ts'
import { placeWithin } from '../engine/within-folder.ts'
import { makeFolder } from '../store/make-folder.ts'
import { writeReport } from '../validate/report.ts'
import type { ReentryArgv } from './reentry.ts'
import { lastValidation } from './status.ts'
import { LOCK_BUSY, runValidation } from './validation-process.ts'

/**
 * Validates what is installed here and gives the report, which is saved.
 * @throws MojaboxError `validation-broken` when no report came
 */
export async function validateApart(
  reentry: ReentryArgv,
  levels: string[],
  run: string,
  signal: AbortSignal,
): Promise<Report> {
  const { code, stdout, stderr } = await runValidation(reentry, levels, run, signal)
  try {
    return Report.parse(JSON.parse(stdout))
  } catch (cause) {
    const busy = code === LOCK_BUSY
    throw new MojaboxError(
      {
        code: 'validation-broken',
        kind: 'validation',
        message: 'the validation itself did not finish',
        found: busy ? 'another validation held the lock for two minutes' : `exit code ${code}: ${stderr.trim()}`,
        needed: 'a report',
        next: 'run `mojabox validate` again',
      },
      { cause },
    )
  }
}

/** Reports kept on a node; older ones go. */
const KEPT_REPORTS = 50

/** Writes the report (JSON, JUnit XML) into the node's folder of reports and notes it as the last one. */
export async function saveReport(report: Report): Promise<void> {
  const folder = NODE_PATHS.reports
  await makeFolder(folder)
  const { jsonPath } = await writeReport(report, folder)
  const failed = report.levels.flatMap(({ cases }) => cases.filter((entry) => entry.status === 'fail'))
  const summary: ValidationSummary = {
    at: report.startedAt,
    seconds: report.seconds,
    passed: report.passed,
    failed: failed.map((entry) => (entry.subject ? `${entry.subject}: ${entry.title}` : entry.title)),
    report: jsonPath,
  }
  await placeWithin(folder, LAST_VALIDATION, Buffer.from(`${JSON.stringify(summary)}\n`), 0o644)
  await forgetOldReports(folder)
}

/** The last report, when it is younger than `maxAgeMs` and can be read. */
export async function loadReport(maxAgeMs: number): Promise<Report | undefined> {
  const last = await lastValidation()
  const ageMs = last ? Date.now() - Date.parse(last.at) : Number.NaN
  // A report from the future says only that the clock was set back.
  if (!last || !(ageMs >= 0 && ageMs <= maxAgeMs)) return undefined
  try {
    return Report.parse(JSON.parse(await readFile(last.report, 'utf8')))
  } catch {
    return undefined
  }
}

/** The newest stay, whatever their names. */
async function forgetOldReports(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name !== LAST_VALIDATION && /\.(json|xml)$/.test(name))
  const dated = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  )
  dated.sort((left, right) => right.at - left.at)
  for (const { name } of dated.slice(2 * KEPT_REPORTS)) await rm(join(folder, name), { force: true })
}

import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { MojaboxError } from '../../bundles/format/error.ts'
import { Report } from '../contract/report.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { ValidationSummary } from '../contract/status.ts'
import type { ReentryArgv } from './reentry.ts'
import { LAST_VALIDATION, lastValidation } from './status.ts'

/** Longest a whole validation may take, milliseconds. */
const LIMIT_MS = 180_000
/** One validation at a time on a node: they count on the balances of the same test accounts. */
const LOCK = '/run/lock/mojabox-validate.lock'

/**
 * Validates in a process of its own (what it loads goes with it, so the agent stays small) and gives its report.
 * @throws MojaboxError `validation-broken` when no report came
 */
export async function validateApart(
  reentry: ReentryArgv,
  levels: string[],
  run: string,
  signal: AbortSignal,
): Promise<Report> {
  const inner = reentry(['node', 'validate', '--run', run, ...levels.flatMap((level) => ['--level', level])])
  const argv = ['--wait', '120', '--conflict-exit-code', '75', LOCK, ...inner]
  const child = spawn('flock', argv, { stdio: ['ignore', 'pipe', 'pipe'], signal, timeout: LIMIT_MS })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (piece) => (output.stdout += piece))
  child.stderr.on('data', (piece) => (output.stderr = (output.stderr + piece).slice(-4096)))
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  try {
    return Report.parse(JSON.parse(output.stdout))
  } catch (cause) {
    throw new MojaboxError(
      {
        code: 'validation-broken',
        kind: 'validation',
        message: 'the validation itself did not finish',
        found:
          code === 75
            ? 'another validation held the lock for two minutes'
            : `exit code ${code}: ${output.stderr.trim()}`,
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
  const { writeReport } = await import('../validate/report.ts')
  const folder = NODE_PATHS.reports
  await mkdir(folder, { recursive: true })
  const { jsonPath } = await writeReport(report, folder)
  const failed = report.levels.flatMap(({ cases }) => cases.filter((entry) => entry.status === 'fail'))
  const summary: ValidationSummary = {
    at: report.startedAt,
    seconds: report.seconds,
    passed: report.passed,
    failed: failed.map((entry) => (entry.subject ? `${entry.subject}: ${entry.title}` : entry.title)),
    report: jsonPath,
  }
  await writeFileAtomic(join(folder, LAST_VALIDATION), `${JSON.stringify(summary)}\n`, { mode: 0o644 })
  await forgetOldReports(folder)
}

/** The last report, when it is younger than `maxAgeMs`. */
export async function loadReport(maxAgeMs: number): Promise<Report | undefined> {
  const last = await lastValidation()
  if (!last || Date.now() - Date.parse(last.at) > maxAgeMs) return undefined
  const text = await readFile(last.report, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : Report.parse(JSON.parse(text))
}

async function forgetOldReports(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name !== LAST_VALIDATION && /\.(json|xml)$/.test(name)).sort()
  for (const name of names.slice(0, Math.max(0, names.length - 2 * KEPT_REPORTS)))
    await rm(join(folder, name), { force: true })
}

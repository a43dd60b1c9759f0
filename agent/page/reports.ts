import { constants } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LAST_VALIDATION } from '../contract/last-validation.ts'
import type { Report } from '../contract/report.ts'
import { failedCases } from './failed-cases.ts'

/** What a list of validations shows of each. */
export interface ReportEntry {
  run: string
  at: string
  seconds: number
  passed: boolean
  /** `agent` on its interval, `desk` when a person or an install asked. */
  by: 'agent' | 'desk'
  failed: string[]
  levels: { level: string; passed: boolean; cases: number; movements: number }[]
}

interface Known {
  /** Changes when the file does. */
  key: string
  entry: ReportEntry | undefined
}

const RUN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const MAX_REPORT_BYTES = 4 * 1024 * 1024
const SHOWN = 20

/** The validations' reports that lie in one folder; nothing outside of it is ever read. */
export class Reports {
  readonly #folder: string
  /** By file name; what a report says never changes while its file does not. */
  #known = new Map<string, Known>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The newest 20, newest first; those that cannot be read are left out. */
  async list(): Promise<ReportEntry[]> {
    const names = (await readdir(this.#folder).catch(() => [])).filter(
      (name) => name.endsWith('.json') && name !== LAST_VALIDATION && RUN.test(name.slice(0, -'.json'.length)),
    )
    const dated = await Promise.all(
      names.map(async (name) => ({ name, file: await stat(join(this.#folder, name)).catch(() => undefined) })),
    )
    const newest = dated
      .filter(({ file }) => file?.isFile())
      .sort((left, right) => (right.file?.mtimeMs ?? 0) - (left.file?.mtimeMs ?? 0))
      .slice(0, SHOWN)
    const known = new Map<string, Known>()
    for (const { name, file } of newest) {
      const key = `${file?.mtimeMs} ${file?.size}`
      const before = this.#known.get(name)
      known.set(name, before?.key === key ? before : { key, entry: await this.#entry(name) })
    }
    this.#known = known
    return [...known.values()]
      .flatMap(({ entry }) => entry ?? [])
      .sort((left, right) => Date.parse(right.at) - Date.parse(left.at))
  }

  /** A report's text by its run; undefined when there is none of that name, or it is too large to be one. */
  async text(run: string): Promise<string | undefined> {
    if (!RUN.test(run) || `${run}.json` === LAST_VALIDATION) return undefined
    try {
      // A link could lead out of the folder.
      const file = await open(join(this.#folder, `${run}.json`), constants.O_RDONLY | constants.O_NOFOLLOW)
      try {
        const found = await file.stat()
        if (!found.isFile() || found.size > MAX_REPORT_BYTES) return undefined
        return await file.readFile('utf8')
      } finally {
        await file.close()
      }
    } catch {
      return undefined
    }
  }

  async #entry(name: string): Promise<ReportEntry | undefined> {
    const text = await this.text(name.slice(0, -'.json'.length))
    try {
      return text === undefined ? undefined : entryOf(JSON.parse(text))
    } catch {
      return undefined
    }
  }
}

/** What a list shows of a report. @throws what JSON of another shape makes it throw */
export function entryOf(report: Report): ReportEntry {
  if (Number.isNaN(Date.parse(report.startedAt))) throw new Error('no time')
  return {
    run: report.run,
    at: report.startedAt,
    seconds: report.seconds,
    passed: report.passed,
    by: report.run.startsWith('agent-') ? 'agent' : 'desk',
    failed: failedCases(report.levels),
    levels: report.levels.map(({ level, cases, movements }) => ({
      level,
      passed: cases.every(({ status }) => status !== 'fail'),
      cases: cases.length,
      movements: movements?.length ?? 0,
    })),
  }
}

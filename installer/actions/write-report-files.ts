import { mkdir } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import type { Report } from '../../agent/contract/report.ts'
import { junitOf } from '../../agent/validate/report.ts'
import { MojaboxError } from '../../bundles/format/error.ts'

/**
 * Writes the reports where the operator asked: one report to a `.xml` (JUnit) or `.json` file; several, or a folder,
 * as a pair of files a host.
 * @throws MojaboxError `report-not-written`
 */
export async function writeReportFiles(reports: Report[], path: string): Promise<void> {
  const [only] = reports
  const kind = ['.xml', '.json'].find((extension) => extname(path) === extension)
  try {
    if (reports.length === 1 && only && kind) {
      await mkdir(dirname(path), { recursive: true })
      return await writeFileAtomic(path, kind === '.xml' ? junitOf(only) : jsonOf(only))
    }
    const folder = kind ? path.slice(0, -kind.length) : path
    await mkdir(folder, { recursive: true })
    for (const report of reports) {
      await writeFileAtomic(join(folder, `${report.host}.json`), jsonOf(report))
      await writeFileAtomic(join(folder, `${report.host}.xml`), junitOf(report))
    }
  } catch (cause) {
    throw new MojaboxError(
      {
        code: 'report-not-written',
        kind: 'usage',
        message: `the report could not be written to ${path}`,
        found: cause instanceof Error ? cause.message : String(cause),
        needed: 'a place that can be written to',
        next: 'mojabox validate --report PATH; the host keeps its own copy in /var/lib/mojabox/reports',
      },
      { cause },
    )
  }
}

function jsonOf(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`
}

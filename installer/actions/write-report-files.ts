import { mkdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import type { Report } from '../../agent/contract/report.ts'
import { junitOf } from '../../agent/validate/report.ts'

/**
 * Writes the reports where the operator asked: one report to a `.xml` (JUnit) or `.json` file; several, or a folder,
 * as a pair of files a host.
 */
export async function writeReportFiles(reports: Report[], path: string): Promise<void> {
  const [only] = reports
  const kind = extname(path)
  if (reports.length === 1 && only && (kind === '.xml' || kind === '.json')) {
    return writeFileAtomic(path, kind === '.xml' ? junitOf(only) : jsonOf(only))
  }
  const folder = path.slice(0, path.length - kind.length)
  await mkdir(folder, { recursive: true })
  for (const report of reports) {
    await writeFileAtomic(join(folder, `${report.host}.json`), jsonOf(report))
    await writeFileAtomic(join(folder, `${report.host}.xml`), junitOf(report))
  }
}

function jsonOf(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`
}

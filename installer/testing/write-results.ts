import { mkdir } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { MojaboxError } from '../../bundles/format/error.ts'
import { htmlPageOf } from './html-page.ts'
import { junitXmlOf } from './junit-xml.ts'
import type { TestRun } from './results.ts'

/**
 * Writes a run's results: JUnit to FILE.xml, a page to FILE.html, both (junit.xml, report.html) into a folder.
 * @throws MojaboxError `report-not-written`
 */
export async function writeResults(run: TestRun, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      const kind = extname(path)
      if (kind === '.xml') await put(path, junitXmlOf(run))
      else if (kind === '.html') await put(path, htmlPageOf(run))
      else {
        await put(join(path, 'junit.xml'), junitXmlOf(run))
        await put(join(path, 'report.html'), htmlPageOf(run))
      }
    } catch (cause) {
      throw new MojaboxError(
        {
          code: 'report-not-written',
          kind: 'usage',
          message: `the report could not be written to ${path}`,
          found: cause instanceof Error ? cause.message : String(cause),
          needed: 'a place that can be written to',
          next: 'run the same command again with another --report PATH',
        },
        { cause },
      )
    }
  }
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFileAtomic(path, text)
}

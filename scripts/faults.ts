/**
 * `npm run faults`: the whole matrix of faults, after setting up what it needs. `-- ID...` runs the rows whose ids begin
 * so; `--json FILE` names the report; `--write-docs` makes docs/faults.md. Ends with `N passed, N failed`.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { rowsFor } from '../test/faults/registry.ts'
import { cachePath } from '../test/lab/cache.ts'
import { docsOf, type FaultResult, tableOf } from './faults/table.ts'
import { foreground } from './lab/artifacts.ts'
import { setUpForTests } from './lab/set-up-for-tests.ts'
import { stages } from './lab/stages.ts'

const ROOT = join(import.meta.dirname, '..')
const say = (text: string): void => void process.stdout.write(`${text}\n`)

async function main(): Promise<void> {
  process.chdir(ROOT)
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'string' }, 'write-docs': { type: 'boolean' } },
  })
  const { stage } = stages()
  await setUpForTests(stage, say)
  const startedAt = new Date()
  const rows = await stage('faults', () => runRows(positionals))
  const report = resolve(values.json ?? cachePath('faults', 'report.json'))
  const passed = rows.filter(({ error }) => error === undefined).length
  const about = {
    startedAt: startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    passed,
    failed: rows.length - passed,
  }
  await mkdir(dirname(report), { recursive: true })
  await writeFile(report, `${JSON.stringify({ ...about, rows }, null, 2)}\n`)
  if (values['write-docs']) await writeFile(join(ROOT, 'docs', 'faults.md'), docsOf(rows, rowsFor('all')))
  say(`\n${tableOf(rows)}\nreport: ${report}`)
  say(`${passed} passed, ${rows.length - passed} failed`)
  if (passed < rows.length || rows.length === 0) process.exitCode = 1
}

async function runRows(ids: string[]): Promise<FaultResult[]> {
  const record = cachePath('faults', `record-${process.pid}.ndjson`)
  await mkdir(dirname(record), { recursive: true })
  await writeFile(record, '')
  const env = { MOJABOX_FAULTS: ids.join(',') || 'all', MOJABOX_FAULTS_RECORD: record }
  const vitest = [join(ROOT, 'node_modules', '.bin', 'vitest'), 'run', '--project', 'faults', '--reporter=verbose']
  try {
    await foreground(vitest, { env, okCodes: [0, 1] })
    return (await readFile(record, 'utf8'))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  } finally {
    await rm(record)
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`faults: ${error instanceof Error ? error.message : String(error)}\n`)
  say('0 passed, 1 failed')
  process.exitCode = 1
})

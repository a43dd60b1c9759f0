/**
 * `npm test`: static checks and advisories, then every test, after setting up what they need (the executables, the lab,
 * the bundle). `-- --project unit` (or integration, e2e, faults) runs one kind; further words are handed to vitest. Ends with
 * `N passed, N failed`.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { audit } from './audit/audit.ts'
import { foreground } from './lab/artifacts.ts'
import { setUpForTests } from './lab/set-up-for-tests.ts'
import { stages } from './lab/stages.ts'

const ROOT = join(import.meta.dirname, '..')
const bin = (name: string) => join(ROOT, 'node_modules', '.bin', name)
const say = (text: string): void => void process.stdout.write(`${text}\n`)

interface Outcome {
  passed: number
  failed: number
}

async function main(): Promise<void> {
  process.chdir(ROOT)
  const args = process.argv.slice(2)
  const { stage, summary } = stages()
  const failures: string[] = []
  let attempts = 0
  const attempt = async (name: string, work: () => Promise<unknown>) => {
    attempts += 1
    await stage(name, work).catch((error: Error) => failures.push(`${name}: ${error.message}`))
  }
  await attempt('types', () => foreground([bin('tsc')]))
  await attempt('style', () => foreground([bin('biome'), 'check', '.']))
  await attempt('dead code', () => foreground([bin('knip')]))
  let audited = true
  await attempt('advisories', async () => {
    audited = await audit(say)
  })
  if (!onlyUnit(args)) {
    await setUpForTests(stage, say)
  }
  const outcome = await stage('tests', () => runTests(args))
  say(`\ntimes:\n${summary()}`)
  for (const failure of failures) say(`failed: ${failure}`)
  if (!audited)
    say('not audited: nobody could be asked for advisories; run `npm run audit` where the registry has them')
  say(
    `${outcome.passed + attempts - failures.length - (audited ? 0 : 1)} passed, ${outcome.failed + failures.length} failed`,
  )
  if (outcome.failed + failures.length > 0) process.exitCode = 1
}

function onlyUnit(args: string[]): boolean {
  return args[args.indexOf('--project') + 1] === 'unit' && args.includes('--project')
}

async function runTests(args: string[]): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'mojabox-test-'))
  const output = join(folder, 'results.json')
  try {
    const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${output}`]
    const code = await foreground([bin('vitest'), 'run', ...reporters, ...args], { okCodes: [0, 1] })
    const results = JSON.parse(await readFile(output, 'utf8'))
    const failed: number = results.numFailedTests
    // A file that does not load has no failed test of its own.
    return { passed: results.numPassedTests, failed: code !== 0 && failed === 0 ? 1 : failed }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`test: ${error instanceof Error ? error.message : String(error)}\n`)
  say('0 passed, 1 failed')
  process.exitCode = 1
})

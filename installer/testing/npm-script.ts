import { MojaboxError } from '../../bundles/format/error.ts'

export type TestKind = 'unit' | 'integration'

/**
 * Scripts that services of Mojaloop have for a kind of tests, best first. `test:int` goes before `test:integration`, which
 * in several of them brings up containers of its own.
 */
const SCRIPTS: Record<TestKind, readonly string[]> = {
  unit: ['test:unit', 'test:unit:spec', 'test'],
  integration: ['test:int', 'test:integration', 'test:int:spec'],
}

/** @throws MojaboxError `script-missing` */
export function chooseScript(kind: TestKind, scripts: Record<string, string>, wanted: string | undefined): string {
  const candidates = wanted === undefined ? SCRIPTS[kind] : [wanted]
  const found = candidates.find((name) => name in scripts)
  if (found !== undefined) return found
  const tests = Object.keys(scripts).filter((name) => name.includes('test'))
  throw new MojaboxError({
    code: 'script-missing',
    kind: 'usage',
    message: `the checkout has no script for ${kind} tests`,
    found: tests.length > 0 ? `scripts ${tests.join(', ')}` : 'no script with `test` in its name',
    needed: `one of ${candidates.join(', ')} in its package.json`,
    next: tests[0] ? `mojabox test ${kind} --script ${tests[0]}` : 'name another checkout: --path PATH',
  })
}

/** What to add so that the tool writes its results, and how they are read. */
export interface Results {
  form: 'tap' | 'jest-json'
  /** Words after `npm run SCRIPT --`. */
  words: string[]
}

/** By the tool that the script calls; what is not known is read as TAP from its output. */
export function resultsOf(script: string, file: string): Results {
  const piped = script.includes('|') || script.includes('&&')
  if (!piped && /\bjest\b/.test(script)) return { form: 'jest-json', words: ['--json', `--outputFile=${file}`] }
  if (!piped && /\bvitest\b/.test(script))
    return { form: 'jest-json', words: ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`] }
  return { form: 'tap', words: [] }
}

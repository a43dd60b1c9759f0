import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import { codeOf, sourceFiles } from './source-files.ts'

const product = sourceFiles('installer', 'agent', 'bundles')
const all = [...product, ...sourceFiles('scripts')]
const tests = sourceFiles('test')

const MAX_LINES = 300
/** Files that may be longer, and why. */
const LONGER: Record<string, string> = {}

/** Where a pattern occurs in code (not in comments or strings), as `FILE:LINE`. */
function found(pattern: RegExp, files = product): string[] {
  return files.flatMap(({ path, text }) =>
    codeOf(text)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : [])),
  )
}

describe('codeOf', () => {
  it('leaves code and drops comments and strings, line by line', () => {
    const text = 'a() // b()\n/* c()\nd() */ e(\'f()\', `g()`, "h()")\n'
    expect(codeOf(text).replace(/ +/g, ' ')).toBe('a() \n \n e( , , )\n')
  })
})

describe('the house', () => {
  it('keeps files short: one thing each', () => {
    const long = all
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ path, lines }) => lines > MAX_LINES && !(path in LONGER))
    expect(long).toEqual([])
    for (const path of Object.keys(LONGER)) expect(all.some((file) => file.path === path)).toBe(true)
  })

  it('exits in one place', () => {
    expect(
      found(/\bprocess\.(exit|abort|reallyExit)\(/).filter((place) => !place.startsWith('installer/main.ts:')),
    ).toEqual([])
  })

  it('prints in one place: everything else tells events or returns text', () => {
    // What runs as a service has no desk: its stderr is the system's journal.
    const allowed = ['installer/main.ts', 'agent/service/agent.ts']
    const writes = found(/\bconsole\.\w+\(|\bprocess\.std(out|err)\.write\b/)
    expect(writes.filter((place) => !allowed.includes(place.split(':')[0] ?? ''))).toEqual([])
  })

  it('hands stdin and stdout over only to the command at the end of an SSH channel', () => {
    const uses = found(/\bprocess\.std(in|out|err)\b/).map((place) => place.split(':')[0])
    expect([...new Set(uses)].toSorted()).toEqual([
      'agent/service/agent.ts',
      'installer/cli/node.ts',
      'installer/main.ts',
    ])
  })

  it('measures how long it waits by a clock that nobody sets', () => {
    expect(found(/\b(until|deadline)\s*=\s*Date\.now\(\)/)).toEqual([])
  })

  it('asks in one place', () => {
    const askers = product.filter(({ text }) =>
      /['"](inquirer|@inquirer\/\w+|node:readline(\/promises)?)['"]/.test(text),
    )
    expect(askers.map(({ path }) => path)).toEqual(['installer/wizard/questions.ts'])
  })

  it('has no top-level await: the executable is bundled to CommonJS', () => {
    expect(found(/^(?:export\s+)?(?:const|let)\s[^=]*=\s*await\b|^await\b/)).toEqual([])
  })

  it('has named exports only, and no barrels', () => {
    expect(found(/^export default\b/)).toEqual([])
    expect(found(/^export \*/)).toEqual([])
  })

  it('names files for the one thing inside, in kebab case', () => {
    const names = [...all, ...tests].map(({ path }) => basename(path))
    expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config|\.d)?\.ts$/.test(name))).toEqual([])
    expect(names.filter((name) => /^(utils?|helpers?|common|managers?|misc|shared|index)\.ts$/.test(name))).toEqual([])
  })

  it('uses unions in place of enums, and no namespaces', () => {
    expect(found(/^\s*(export\s+)?(const\s+)?enum\s|^\s*(export\s+)?namespace\s/)).toEqual([])
  })

  it('never builds a command as a string for a shell', () => {
    expect(found(/\b(exec|execSync)\(\s*[`'"]|\bshell:\s*true\b/)).toEqual([])
  })

  it('documents what it exports from the contract', () => {
    const bare = sourceFiles('agent/contract').flatMap(({ path, text }) => {
      const lines = text.split('\n')
      return lines.flatMap((line, index) => {
        const name = /^export (?:async )?(?:function|class|interface) (\w+)/.exec(line)?.[1]
        return name && !/\*\/\s*$/.test(lines[index - 1] ?? '') ? [`${path}: ${name}`] : []
      })
    })
    expect(
      bare.filter((entry) => !/: (PlannedStep|CommandResult|CommandOptions|StepContext|StepHandler)$/.test(entry)),
    ).toEqual([])
  })

  it('leaves no test aside: what needs a lab may say so, nothing else', () => {
    const aside = found(/\b(it|describe|test)\.(skip|only|todo|fails)\b/, tests)
    const unit = sourceFiles('test/unit')
    expect([...aside, ...found(/\b(it|describe|test)\.(skipIf|runIf)\b/, unit)]).toEqual([])
  })
})

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { factsOf } from '../../../bundles/format/error.ts'
import { htmlPageOf } from '../../../installer/testing/html-page.ts'
import { parseJestJson } from '../../../installer/testing/jest-json.ts'
import { junitXmlOf, summaryOf } from '../../../installer/testing/junit-xml.ts'
import { chooseScript, resultsOf } from '../../../installer/testing/npm-script.ts'
import { completed, countsOf, type TestRun } from '../../../installer/testing/results.ts'
import { parseTap } from '../../../installer/testing/tap.ts'
import { writeResults } from '../../../installer/testing/write-results.ts'

const TAPE = `TAP version 13
# Config should
ok 1 have a database
not ok 2 have a broker
  ---
    operator: equal
    expected: 'kafka:9092'
    actual:   undefined
  ...
# Cache should
ok 3 be empty # SKIP not yet

1..3
# tests 3
# pass  1
# fail  1
`

const run = (changes: Partial<TestRun> = {}): TestRun => ({
  name: 'central-ledger test:unit',
  startedAt: new Date('2026-01-31T08:00:00Z'),
  seconds: 1.5,
  exitCode: 1,
  cases: parseTap(TAPE),
  ...changes,
})

describe('parseTap', () => {
  it('gives each assertion its group and, of a failure, the diagnosis', () => {
    expect(parseTap(TAPE)).toMatchObject([
      { group: 'Config should', name: 'have a database', status: 'pass' },
      {
        group: 'Config should',
        name: 'have a broker',
        status: 'fail',
        message: expect.stringContaining("'kafka:9092'"),
      },
      { group: 'Cache should', name: 'be empty', status: 'skip' },
    ])
  })

  it('reads node:test’s, and finds nothing in what is no TAP', () => {
    expect(parseTap('# Subtest: adds\nok 1 - adds\n  ---\n  duration_ms: 1\n  ...\n')).toMatchObject([
      { group: 'adds', name: 'adds', status: 'pass', message: '' },
    ])
    expect(parseTap('everything is okay\nnot okay either\n')).toEqual([])
  })
})

describe('parseJestJson', () => {
  const file = (changes: object) => ({
    name: '/src/app/test/a.test.js',
    status: 'passed',
    assertionResults: [],
    ...changes,
  })
  const parse = (...files: object[]) => parseJestJson(JSON.stringify({ testResults: files }), '/src/app')

  it('names the file from the checkout on, and drops colours from failures', () => {
    const assertionResults = [
      { ancestorTitles: ['cache'], title: 'is empty', status: 'passed', duration: 250 },
      { ancestorTitles: [], title: 'fills', status: 'failed', failureMessages: ['\u001b[31mred\u001b[39m'] },
      { title: 'later', status: 'pending' },
    ]
    expect(parse(file({ assertionResults }))).toEqual([
      { group: 'test/a.test.js > cache', name: 'is empty', status: 'pass', seconds: 0.25, message: '' },
      { group: 'test/a.test.js', name: 'fills', status: 'fail', seconds: 0, message: 'red' },
      { group: 'test/a.test.js', name: 'later', status: 'skip', seconds: 0, message: '' },
    ])
  })

  it('counts a file that does not load as a failure', () => {
    expect(parse(file({ status: 'failed', message: 'Cannot find module' }))).toMatchObject([
      { name: 'the file loads', status: 'fail', message: 'Cannot find module' },
    ])
  })
})

describe('completed', () => {
  it('leaves a run as it is whose cases tell its outcome', () => {
    expect(completed(run()).cases).toHaveLength(3)
  })

  it('has a failure for a run that failed although no test did', () => {
    const cases = parseTap('ok 1 fine')
    expect(countsOf(completed(run({ cases })))).toEqual({ pass: 1, fail: 1, skip: 0 })
  })

  it('has one case for a tool that names no test', () => {
    expect(countsOf(completed(run({ cases: [], exitCode: 0 })))).toEqual({ pass: 1, fail: 0, skip: 0 })
  })
})

describe('reports', () => {
  it('tell the same as JUnit, as a line and as a page', () => {
    const xml = junitXmlOf(run())
    expect(xml).toMatch(/tests="3"[^>]*failures="1"/)
    expect(xml).toContain('classname="Config should"')
    expect(summaryOf(run())).toBe('central-ledger test:unit: 1 passed, 1 failed, 1 skipped in 1.5 s; exit code 1')
    const page = htmlPageOf(run())
    expect(page).toContain('1 passed, 1 failed, 1 skipped')
    expect(page).toContain('Config should: have a broker')
  })

  it('make a page that is whole by itself, and in which nothing a test says is markup', () => {
    const cases = [
      { group: '', name: '<script>alert(1)</script>', status: 'fail' as const, seconds: 0, message: 'a & b' },
    ]
    const page = htmlPageOf(run({ cases }))
    expect(page).not.toMatch(/<script|src=|href=|url\(/)
    expect(page).toContain('a &amp; b')
  })

  it('are written where they are asked for: one kind to a file, both to a folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mojabox-results-'))
    try {
      await writeResults(run(), [join(folder, 'one.xml'), join(folder, 'deep', 'both')])
      expect(await readFile(join(folder, 'one.xml'), 'utf8')).toContain('<testsuite')
      expect(await readFile(join(folder, 'deep/both/report.html'), 'utf8')).toContain('<!doctype html>')
      expect(await readFile(join(folder, 'deep/both/junit.xml'), 'utf8')).toContain('<testsuite')
      await expect(writeResults(run(), [join(folder, 'one.xml', 'below')])).rejects.toMatchObject({
        facts: { code: 'report-not-written' },
      })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})

describe('chooseScript', () => {
  const scripts = { 'test:unit': 'tape', 'test:int': 'tape', 'test:integration': './in-docker.sh', lint: 'standard' }

  it('takes the one without containers of its own, unless another is named', () => {
    expect(chooseScript('unit', scripts, undefined)).toBe('test:unit')
    expect(chooseScript('integration', scripts, undefined)).toBe('test:int')
    expect(chooseScript('integration', scripts, 'test:integration')).toBe('test:integration')
  })

  it('names the scripts that there are', () => {
    try {
      chooseScript('integration', { 'test:api': 'x', lint: 'y' }, undefined)
      expect.unreachable()
    } catch (error) {
      expect(factsOf(error)).toMatchObject({ code: 'script-missing', found: 'scripts test:api' })
    }
  })
})

describe('resultsOf', () => {
  it('asks Jest and Vitest for their JSON, and reads TAP where it cannot ask', () => {
    expect(resultsOf('jest --config x', '/t/r.json')).toEqual({
      form: 'jest-json',
      words: ['--json', '--outputFile=/t/r.json'],
    })
    expect(resultsOf('vitest run', '/t/r.json').words).toContain('--outputFile.json=/t/r.json')
    expect(resultsOf('npx tape test/*.js | tap-spec', '/t/r.json')).toEqual({ form: 'tap', words: [] })
    expect(resultsOf('npm run build && jest', '/t/r.json').form).toBe('tap')
  })
})

import { mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { LAST_VALIDATION } from '../../../agent/contract/last-validation.ts'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { loadReport, saveReport, validateApart } from '../../../agent/service/validation.ts'
import { runValidation } from '../../../agent/service/validation-process.ts'
import { MojaboxError } from '../../../bundles/format/error.ts'
import { caseOf, reportOf } from './reports.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

beforeEach(async () => {
  await rm(NODE_PATHS.root, { recursive: true, force: true })
  await mkdir(NODE_PATHS.reports, { recursive: true })
})

const signal = new AbortController().signal
/** A validation that is a shell script; its arguments are those of `mojabox node validate`. */
const script = (text: string) => (args: string[]) => ['sh', '-c', text, 'validate', ...args]

describe('validateApart', () => {
  it('gives the report that the other process prints, whatever its length and its letters', async () => {
    const report = reportOf({}, ...Array.from({ length: 3000 }, () => caseOf({ found: '✓ Überweisung — 1 000 ₣' })))
    const path = join(NODE_PATHS.root, 'printed.json')
    await writeFile(path, JSON.stringify(report))
    expect(await validateApart(script(`cat ${path}`), ['services'], 'run-1', signal)).toEqual(report)
  })

  it('names run and levels to it', async () => {
    const error = await validateApart(script('echo "$@" >&2; exit 9'), ['services', 'ledger'], 'run-1', signal).catch(
      (thrown) => thrown,
    )
    expect(error.facts.found).toBe('exit code 9: node validate --run run-1 --level services --level ledger')
  })

  it.each([
    ['prints nothing', 'exit 0'],
    ['prints half a report', 'echo "{\\"version\\":1,"'],
    ['prints something else', 'echo "{}"'],
    ['is killed', 'kill -9 $$'],
  ])('says that the validation itself broke when it %s', async (_what, text) => {
    const error = await validateApart(script(text), ['services'], 'run-1', signal).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(MojaboxError)
    expect(error.facts).toMatchObject({ code: 'validation-broken', kind: 'validation' })
  })

  it('lets one validation after the other count the money', async () => {
    const trace = join(NODE_PATHS.root, 'trace')
    const text = `echo in >> ${trace}; sleep 0.2; echo out >> ${trace}`
    await Promise.all([1, 2].map(() => runValidation(script(text), [], 'run', signal)))
    expect((await readFile(trace, 'utf8')).split('\n')).toEqual(['in', 'out', 'in', 'out', ''])
  })

  it('holds a lock that nobody else of the node may open, and so keep it waiting', async () => {
    await runValidation(script('true'), [], 'run', signal)
    expect((await stat(NODE_PATHS.locks)).mode & 0o777).toBe(0o700)
    expect(await readdir(NODE_PATHS.locks)).toEqual(['validation'])
    expect((await readdir(NODE_PATHS.reports)).filter((name) => name !== basename(NODE_PATHS.locks))).toEqual([])
  })

  it('ends the validation itself, not only who waits for it', async () => {
    const pid = join(NODE_PATHS.root, 'pid')
    const stop = new AbortController()
    const ended = runValidation(script(`echo $$ > ${pid}; exec sleep 60`), [], 'run', stop.signal).catch(() => 'ended')
    await vi.waitFor(async () => expect(await readFile(pid, 'utf8')).toMatch(/\d+\n/))
    stop.abort()
    expect(await ended).toBe('ended')
    const running = Number(await readFile(pid, 'utf8'))
    await vi.waitFor(() => expect(() => process.kill(running, 0)).toThrow())
  })
})

describe('saveReport', () => {
  it('keeps the report as JSON and JUnit, and notes it as the last one', async () => {
    await saveReport(reportOf({}, caseOf(), caseOf({ status: 'fail', subject: 'ledger' })))
    expect((await readdir(NODE_PATHS.reports)).filter((name) => !name.startsWith('.')).toSorted()).toEqual([
      'last.json',
      'run-1.json',
      'run-1.xml',
    ])
    const last = JSON.parse(await readFile(join(NODE_PATHS.reports, 'last.json'), 'utf8'))
    expect(last).toMatchObject({ passed: false, failed: ['ledger: money moves'] })
  })

  it('can be read by who may only look: `mojabox status` needs no root', async () => {
    await saveReport(reportOf())
    expect((await stat(join(NODE_PATHS.reports, 'last.json'))).mode & 0o044).toBe(0o044)
  })

  it('follows no link that lies in the agent’s folder', async () => {
    const victim = join(NODE_PATHS.root, 'victim')
    await mkdir(NODE_PATHS.reports, { recursive: true })
    await writeFile(victim, 'stays')
    const report = reportOf()
    for (const name of [`${report.run}.json`, `${report.run}.xml`, LAST_VALIDATION]) {
      await rm(join(NODE_PATHS.reports, name), { force: true })
      await symlink(victim, join(NODE_PATHS.reports, name))
    }
    await saveReport(report)
    expect(await readFile(victim, 'utf8')).toBe('stays')
    expect(await loadReport(Number.MAX_SAFE_INTEGER)).toBeDefined()
  })

  it('forgets the oldest, never the newest', async () => {
    for (let number = 0; number < 120; number += 1) {
      const path = join(NODE_PATHS.reports, `old-${String(number).padStart(3, '0')}.json`)
      await writeFile(path, '{}')
      await utimes(path, 1_000 + number, 1_000 + number)
    }
    await saveReport(reportOf({ run: 'aaa-newest' }))
    const names = await readdir(NODE_PATHS.reports)
    expect(names).toContain('aaa-newest.json')
    expect(names).toContain('aaa-newest.xml')
    expect(names).toContain('old-119.json')
    expect(names).not.toContain('old-000.json')
    expect(names.filter((name) => name !== 'last.json').length).toBe(100)
  })
})

describe('loadReport', () => {
  it('gives the last report while it is young', async () => {
    const report = reportOf()
    await saveReport(report)
    expect(await loadReport(60_000)).toEqual(report)
    await delay(5)
    expect(await loadReport(1)).toBeUndefined()
  })

  it('gives none where there is none, or it is gone', async () => {
    expect(await loadReport(60_000)).toBeUndefined()
    await saveReport(reportOf())
    await rm(join(NODE_PATHS.reports, 'run-1.json'))
    expect(await loadReport(60_000)).toBeUndefined()
  })

  it('gives none where a power loss left half of it', async () => {
    await saveReport(reportOf())
    await writeFile(join(NODE_PATHS.reports, 'run-1.json'), '{"version":1,')
    expect(await loadReport(60_000)).toBeUndefined()
  })

  it('does not take a report from the future for a young one: the clock was set back', async () => {
    await saveReport(reportOf({ startedAt: new Date(Date.now() + 86_400_000).toISOString() }))
    expect(await loadReport(60_000)).toBeUndefined()
  })
})

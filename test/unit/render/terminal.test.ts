import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { CheckResult } from '../../../agent/contract/check.ts'
import type { Event, EventBody } from '../../../agent/contract/events.ts'
import type { NodeStatus } from '../../../agent/contract/status.ts'
import { createReader } from '../../../installer/render/create-reader.ts'
import { renderError } from '../../../installer/render/error.ts'
import { lookOf } from '../../../installer/render/look.ts'
import { renderReport } from '../../../installer/render/report.ts'
import { renderStatus } from '../../../installer/render/status.ts'
import { caseOf, reportOf } from '../service/reports.ts'
import { FakeIo, hasControls, screen } from './fake-io.ts'

const check = (changes: Partial<CheckResult> = {}): CheckResult => ({
  id: 'memory',
  title: 'memory',
  status: 'pass',
  found: '8 GB',
  needed: '4 GB',
  fix: '',
  ...changes,
})

const STATUS: NodeStatus = {
  version: 1,
  site: 'kigali',
  host: 'n1',
  deployment: 'core-test-harness',
  profile: 'central-ledger',
  bundle: `sha256:${'0123456789abcdef'.repeat(4)}`,
  bundleVersion: '2.15.1',
  mojabox: '0.1.0',
  bootedAt: '2027-01-01T00:00:00.000Z',
  hub: 'up',
  services: [
    ['central-ledger', 'mojaloop/central-ledger:v19.5.5'],
    ['central-ledger-handlers', 'mojaloop/central-ledger:v19.5.5'],
    ['central-ledger-migrator', 'mojaloop/central-ledger:v19.5.5'],
    ['kafka', 'apache/kafka:4.1.2'],
    ['mysql', 'library/mysql:8.0'],
  ].map(([service = '', image]) => ({ service, state: 'running', health: 'healthy', image: `docker.io/${image}` })),
  agent: {
    pid: 7,
    startedAt: '2027-01-01T00:00:05.000Z',
    residentBytes: 60_000_000,
    mirror: '127.0.0.1:40000',
    page: '127.0.0.1:9470',
  },
  store: { blobs: 12, bytes: 3_400_000 },
  validation: { at: '2027-01-01T00:10:00.000Z', seconds: 4.2, passed: true, failed: [], report: '/r.json' },
  nextValidationAt: '2027-01-01T00:15:00.000Z',
}

const ERROR = {
  code: 'disk-full',
  kind: 'step',
  message: 'the disk is full',
  found: 'no space',
  needed: 'space',
  next: 'rm',
} as const

/** Everything that can happen. */
const ALL: EventBody[] = [
  { type: 'run-started', verb: 'install', deployment: 'core-test-harness', profile: 'central-ledger' },
  { type: 'connected', address: 'ops@10.0.0.7:22' },
  { type: 'transfer', what: 'mojabox', doneBytes: 10, totalBytes: 100 },
  { type: 'check', result: check() },
  { type: 'check', result: check({ id: 'swap', status: 'skip' }) },
  { type: 'check', result: check({ id: 'clock', title: 'clock', status: 'warn', found: '3 s off', fix: 'use NTP' }) },
  { type: 'plan', steps: [{ id: 'a', kind: 'file', title: 'file a', done: false }] },
  { type: 'step-started', id: 'images', title: '4 images in Docker', index: 0, count: 2 },
  { type: 'step-progress', id: 'images', done: 1, total: 4, unit: 'bytes', note: 'redis' },
  { type: 'step-done', id: 'images', title: '4 images in Docker', changed: true, seconds: 12.34 },
  { type: 'step-started', id: 'b', title: 'file b', index: 1, count: 2 },
  { type: 'step-failed', id: 'b', title: 'file b', error: ERROR },
  { type: 'waiting-for-desk', what: 'sha256:0' },
  { type: 'seeded', fromDeskBytes: 12_000_000, fromPeersBytes: 300_000_000 },
  { type: 'report', report: reportOf({}, caseOf(), caseOf({ status: 'fail', subject: 'ledger', found: 'nothing' })) },
  { type: 'status', status: STATUS },
  { type: 'note', level: 'warn', message: 'the connection was lost' },
  { type: 'run-finished', outcome: 'failed', changed: 1, seconds: 13, error: ERROR },
]

function read(
  io: FakeIo,
  bodies: EventBody[],
  options: { verb?: string; hosts?: number; json?: boolean } = {},
): FakeIo {
  const reader = createReader(io, { verb: 'install', hosts: 1, json: false, ...options })
  for (const body of bodies) reader.take({ ...body, at: '2027-01-01T00:00:00.000Z', host: 'n1', run: 'r' })
  reader.end()
  return io
}

describe('on a pipe', () => {
  it('has no colour, nothing moving, and a line for everything that stays', () => {
    const io = read(new FakeIo(), ALL)
    expect(hasControls(io.err + io.out)).toBe(false)
    for (const text of [
      '3 s off',
      '+ file a',
      '4 images in Docker 12.3 s',
      'file b',
      'the node waits',
      'nothing [ledger]',
    ]) {
      expect(io.err).toContain(text)
    }
  })

  it('keeps within 80 columns what is its own to say', () => {
    const io = read(new FakeIo(), ALL)
    const wide = [...io.lines, ...io.out.split('\n')].filter((line) => line.length > 80)
    expect(wide).toEqual([])
  })

  it('has nothing but ASCII where the locale has nothing else', () => {
    for (const env of [
      { LANG: 'C' },
      { LC_ALL: 'POSIX', LANG: 'en_US.UTF-8' },
      { TERM: 'dumb', LANG: 'en_US.UTF-8' },
    ]) {
      const io = read(new FakeIo({ env }), ALL)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is what ASCII is
      expect(`${io.err}${io.out}`).toMatch(/^[\x00-\x7f]*$/)
    }
  })

  it('has marks where the locale has them', () => {
    const io = read(new FakeIo(), ALL)
    expect(io.err).toContain('✓')
    expect(io.err).toContain('✗')
  })
})

describe('on a terminal', () => {
  it('is in colour, unless it cannot be or the person wants none', () => {
    const coloured = (env: NodeJS.ProcessEnv) => read(new FakeIo({ isTty: true, env }), ALL).err.includes('\u001b[3')
    expect(coloured({ TERM: 'xterm', LANG: 'C.UTF-8' })).toBe(true)
    expect(coloured({ TERM: 'xterm', NO_COLOR: '1' })).toBe(false)
    expect(coloured({ TERM: 'dumb' })).toBe(false)
    expect(coloured({ TERM: 'xterm', NO_COLOR: '' })).toBe(true)
  })

  it('redraws the step at work, and leaves only what stays', () => {
    const io = read(new FakeIo({ isTty: true }), [
      { type: 'step-started', id: 'a', title: 'images', index: 0, count: 1 },
      { type: 'step-progress', id: 'a', done: 1, total: 2, unit: 'bytes' },
      { type: 'step-progress', id: 'a', done: 2, total: 2, unit: 'bytes' },
      { type: 'step-done', id: 'a', title: 'images', changed: true, seconds: 0.5 },
    ])
    expect(screen(io.err).map(stripVTControlCharacters)).toEqual(['✓ images', ''])
    expect(stripVTControlCharacters(io.err)).toContain('[1/1] images 50 %')
  })

  it.each([20, 40, 80])('never draws a moving line wider than %i columns', (columns) => {
    const io = read(new FakeIo({ isTty: true, columns }), [
      { type: 'step-started', id: 'a', title: 'x'.repeat(200), index: 0, count: 1 },
      { type: 'step-progress', id: 'a', done: 1, total: 2, unit: 'items', note: 'y'.repeat(200) },
    ])
    for (const drawn of io.err.split(/\r|\n/)) expect(stripVTControlCharacters(drawn).length).toBeLessThan(columns)
  })

  it('leaves no half a line behind when the run ends in the middle', () => {
    const io = read(new FakeIo({ isTty: true }), [
      { type: 'step-started', id: 'a', title: 'images', index: 0, count: 1 },
    ])
    expect(screen(io.err)).toEqual([''])
  })

  it('moves nothing where several hosts would draw over each other, but names them', () => {
    const io = read(new FakeIo({ isTty: true }), ALL, { hosts: 3 })
    expect(io.err).not.toContain('\r')
    const lines = stripVTControlCharacters(io.err).split('\n')
    expect(lines.filter((line) => line.startsWith('[n1] ')).length).toBeGreaterThan(5)
  })
})

describe('by verb', () => {
  it('shows every check of `check`, and of others only what needs attention, with a count', () => {
    const checks = ALL.filter(({ type }) => type === 'check')
    expect(read(new FakeIo(), checks, { verb: 'check' }).lines).toEqual([
      '✓ memory: 8 GB',
      '- memory: 8 GB',
      '! clock: 3 s off',
      '    needed: 4 GB',
      '    fix:    use NTP',
    ])
    const started: EventBody = { type: 'step-started', id: 'a', title: 'A', index: 0, count: 1 }
    expect(read(new FakeIo(), [...checks, started]).lines).toEqual([
      '! clock: 3 s off',
      '    needed: 4 GB',
      '    fix:    use NTP',
      '✓ 1 checks passed, 1 skipped',
    ])
  })

  it('counts the checks of each host apart', () => {
    const io = new FakeIo()
    const reader = createReader(io, { verb: 'install', hosts: 2, json: false })
    const tell = (host: string, body: EventBody) => reader.take({ ...body, at: '', host, run: 'r' } as Event)
    for (const host of ['n1', 'n2', 'n2']) tell(host, { type: 'check', result: check() })
    for (const host of ['n1', 'n2']) tell(host, { type: 'run-finished', outcome: 'done', changed: 0, seconds: 1 })
    expect(io.lines).toContain('[n1] ✓ 1 checks passed')
    expect(io.lines).toContain('[n2] ✓ 2 checks passed')
  })

  it('says when there was nothing to do', () => {
    const end: EventBody = { type: 'run-finished', outcome: 'done', changed: 0, seconds: 0.8 }
    expect(read(new FakeIo(), [end]).lines).toEqual(['nothing to do: everything is as it should be (0.8 s)'])
    expect(read(new FakeIo(), [{ ...end, changed: 1 }]).lines).toEqual(['done in 0.8 s, 1 step changed something'])
    expect(read(new FakeIo(), [end], { verb: 'status' }).lines).toEqual([])
  })

  it('says what a plan would do, and what is done already', () => {
    const steps = ['a', 'b'].map((id) => ({ id, kind: 'file', title: `file ${id}`, done: id === 'a' }))
    expect(read(new FakeIo(), [{ type: 'plan', steps }], { verb: 'plan' }).lines).toEqual([
      '- file a (done)',
      '+ file b',
      '1 of 2 steps to do',
    ])
  })

  it('tells a failure once: with one host the command ends with it', () => {
    const failed: EventBody = { type: 'run-finished', outcome: 'failed', changed: 0, seconds: 1, error: ERROR }
    expect(read(new FakeIo(), [failed]).err).toBe('')
    expect(read(new FakeIo(), [failed], { hosts: 2 }).err).toContain('the disk is full')
  })
})

describe('--json', () => {
  it('prints just the events, one a line, on stdout', () => {
    const io = read(new FakeIo({ isTty: true }), ALL, { json: true })
    expect(io.err).toBe('')
    const events = io.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(events.map(({ type }) => type)).toEqual(ALL.map(({ type }) => type))
    expect(events.every(({ at, host, run }) => at && host === 'n1' && run === 'r')).toBe(true)
  })
})

describe('renderError', () => {
  it('says what, found, needed and next, each on its line, without code or stack', () => {
    expect(renderError(ERROR)).toBe('mojabox: the disk is full\n  found:  no space\n  needed: space\n  next:   rm\n')
    expect(renderError({ code: 'x', kind: 'bug', message: 'unexpected' })).toBe('mojabox: unexpected\n')
  })
})

describe('renderReport', () => {
  const look = lookOf(new FakeIo())
  const report = reportOf({}, caseOf(), caseOf({ title: 'answers', status: 'fail', found: 'no', subject: 'ledger' }))

  it('counts, and shows each case; of a failure also what was needed and where to look', () => {
    expect(renderReport(report, look, true, 80).split('\n')).toEqual([
      'validation services: 1 of 2 cases passed',
      '  ✓ money moves: it moved',
      '  ✗ answers: no [ledger]',
      '      needed: it moves',
    ])
  })

  it('counts what was left out apart from what passed', () => {
    const skipped = caseOf({ title: 'pays', status: 'skip', found: 'no adapter' })
    expect(renderReport(reportOf({}, skipped), look, true, 80)).toContain('validation services: left out\n')
    const both = renderReport(reportOf({}, caseOf(), skipped), look, true, 80)
    expect(both).toContain('validation services: 1 of 1 cases passed, 1 left out\n')
  })

  it('draws what moved, but not after an install', () => {
    const moved = { atMs: 0, tookMs: 1, from: 'mojabox', to: 'ledger', what: 'funds in', outcome: '1 to 2' }
    const told = { ...report, levels: report.levels.map((level) => ({ ...level, movements: [moved] })) }
    expect(renderReport(told, look, true, 80)).toContain('funds in: 1 to 2')
    expect(renderReport(told, look, false, 80)).not.toContain('funds in')
  })

  it('leaves out of an install what only says that all is well', () => {
    expect(renderReport(report, look, false, 80)).not.toContain('money moves')
  })
})

describe('renderStatus', () => {
  const plain = lookOf(new FakeIo())

  it('fits 80 columns', () => {
    const wide = renderStatus(STATUS, plain)
      .split('\n')
      .filter((line) => line.length > 80)
    expect(wide).toEqual([])
  })

  it('names every service with state, health and image', () => {
    const text = renderStatus(STATUS, plain)
    expect(text).toMatch(/central-ledger-handlers +running +healthy +mojaloop\/central-ledger:v19\.5\.5/)
    expect(text).toContain('hub up')
    expect(text).toContain('60 MB resident')
  })

  it('says what failed in the last validation, and that there was none', () => {
    const validation = { at: 't', seconds: 1, passed: false, failed: ['ledger: answers'], report: '' }
    expect(renderStatus({ ...STATUS, validation }, plain)).toMatch(/✗ validation failed.*\n +ledger: answers/)
    expect(renderStatus({ ...STATUS, validation: null }, plain)).toContain('not validated yet')
    expect(renderStatus({ ...STATUS, agent: null }, plain)).toContain('agent: does not answer')
  })
})

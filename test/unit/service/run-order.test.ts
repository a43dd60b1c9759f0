import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { CheckResult } from '../../../agent/contract/check.ts'
import type { Event } from '../../../agent/contract/events.ts'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import type { Report } from '../../../agent/contract/report.ts'
import type { Step } from '../../../agent/contract/step.ts'
import type { WorkOrder } from '../../../agent/contract/work-order.ts'
import { DeskLink } from '../../../agent/service/desk-link.ts'
import { runOrder } from '../../../agent/service/run-order.ts'
import { ANNOTATIONS, ARTIFACT_TYPES, type Digest } from '../../../bundles/format/manifest.ts'
import { FakeDesk } from '../store/fake-desk.ts'
import { orderOf } from './orders.ts'
import { caseOf, reportOf } from './reports.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())
const situation = vi.hoisted(() => ({
  checks: [] as unknown[],
  steps: [] as unknown[],
  settled: false,
  reports: [] as unknown[],
}))
vi.mock('../../../agent/service/prepare-install.ts', () => ({ prepareInstall: async () => situation }))
vi.mock('../../../agent/service/validation.ts', async (original) => ({
  ...(await original<object>()),
  validateApart: async () => {
    const next = situation.reports.shift()
    if (next instanceof Error) throw next
    return next
  },
}))

const desk = new FakeDesk()
const { digest: bundle } = desk.addJson({
  schemaVersion: 2,
  artifactType: ARTIFACT_TYPES.bundle,
  annotations: { [ANNOTATIONS.deployment]: 'd', [ANNOTATIONS.version]: '1', [ANNOTATIONS.profiles]: '' },
  manifests: [],
})

const config = join(NODE_PATHS.deployments, 'ledger.json')
const owner = () => ({ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 })
const STEPS: Step[] = [
  { id: 'secret-ledger', kind: 'secret', params: { name: 'ledger', bytes: 16 } },
  {
    id: 'file-ledger.json',
    kind: 'file',
    params: {
      path: config,
      content: '{"password":"{{secret:ledger}}"}',
      mode: 0o600,
      ...owner(),
      title: 'file ledger.json',
    },
  },
]

function check(changes: Partial<CheckResult> = {}): CheckResult {
  return { id: 'memory', title: 'memory', status: 'pass', found: '8 GB', needed: '4 GB', fix: '', ...changes }
}

async function runOf(verb: WorkOrder['verb'], changes: Partial<WorkOrder> = {}, signal = new AbortController().signal) {
  const link = new DeskLink()
  const events: Event[] = []
  link.tell = (event) => void events.push(event)
  Object.defineProperty(link, 'fetch', { value: desk.fetch })
  const order = orderOf({ verb, bundle, ...changes })
  await runOrder({ order, deskTime: new Date().toISOString() }, link, signal)
  const last = events.at(-1)
  if (last?.type !== 'run-finished') throw new Error(`the last event is ${last?.type}`)
  return { events, last, types: events.map(({ type }) => type) }
}

const there = async (path: string) => (await stat(path).catch(() => undefined)) !== undefined

/** As the desk leaves it before every verb: the executable is there. */
async function delivered(): Promise<void> {
  await mkdir(dirname(NODE_PATHS.executable), { recursive: true })
  await writeFile(NODE_PATHS.executable, '')
}

beforeEach(async () => {
  await rm(NODE_PATHS.root, { recursive: true, force: true })
  await delivered()
  Object.assign(situation, { checks: [check()], steps: STEPS, settled: false, reports: [reportOf({ bundle })] })
})

describe('runOrder', () => {
  it('begins and ends with what it is about, and names time, host and run in every event', async () => {
    const { events, last } = await runOf('check')
    expect(events[0]).toMatchObject({ type: 'run-started', verb: 'check', profile: 'central-ledger' })
    expect(last).toMatchObject({ outcome: 'done', changed: 0 })
    for (const event of events) {
      expect(event).toMatchObject({ host: 'n1', run: 'run-1' })
      expect(new Date(event.at).toISOString()).toBe(event.at)
    }
  })

  it('never throws: what broke is in the last event', async () => {
    await mkdir(NODE_PATHS.journal, { recursive: true })
    const { last } = await runOf('check')
    expect(last).toMatchObject({ outcome: 'failed', error: { kind: 'bug' } })
  })

  it('tells a bundle that cannot be had as the bundle’s fault', async () => {
    const { last } = await runOf('check', { bundle: desk.add('{}') as Digest })
    expect(last).toMatchObject({ outcome: 'failed', error: { kind: 'bundle' } })
  })

  it('ends as interrupted when it was stopped, whatever broke on the way', async () => {
    const stop = new AbortController()
    const { MojaboxError } = await import('../../../bundles/format/error.ts')
    stop.abort(new MojaboxError({ code: 'interrupted', kind: 'interrupted', message: 'interrupted' }))
    const { last } = await runOf('install', {}, stop.signal)
    expect(last).toMatchObject({ outcome: 'failed', error: { kind: 'interrupted' } })
  })
})

describe('check', () => {
  it('tells every check', async () => {
    situation.checks = [check(), check({ id: 'cpu', status: 'warn' })]
    const { events, last } = await runOf('check')
    expect(events.filter(({ type }) => type === 'check')).toHaveLength(2)
    expect(last.outcome).toBe('done')
  })

  it('fails with what was found, needed and how to mend it', async () => {
    situation.checks = [
      check({ status: 'fail', fix: 'add memory' }),
      check({ id: 'cpu', title: 'cores', status: 'fail' }),
    ]
    const { last } = await runOf('check')
    expect(last.error).toMatchObject({ code: 'check-failed', kind: 'check', found: '8 GB; 8 GB' })
    expect(last.error?.message).toContain('memory, cpu')
    expect(last.error?.next).toContain('add memory')
    expect(last.error?.next).not.toMatch(/; $/)
  })

  it('leaves a bare host as it was found', async () => {
    await runOf('check')
    expect(await there(NODE_PATHS.root)).toBe(false)
  })

  it.each(['check', 'plan', 'install'] as const)(
    'leaves alone what an uninstall kept: the secrets (%s)',
    async (verb) => {
      situation.checks = [check({ status: 'fail' })]
      await mkdir(NODE_PATHS.secrets, { recursive: true })
      await writeFile(join(NODE_PATHS.secrets, 'mysql'), 'the password of data that is still there')
      await runOf(verb)
      expect(await readdir(NODE_PATHS.root)).toEqual(['secrets'])
      expect(await readdir(NODE_PATHS.secrets)).toEqual(['mysql'])
    },
  )

  it('leaves an installed node alone', async () => {
    await runOf('install')
    const before = await readdir(NODE_PATHS.root)
    await runOf('check')
    expect(await readdir(NODE_PATHS.root)).toEqual(before)
  })
})

describe('plan', () => {
  it('tells the steps and does none of them', async () => {
    const { events } = await runOf('plan')
    expect(events.find(({ type }) => type === 'plan')).toMatchObject({
      steps: [
        { id: 'secret-ledger', done: false },
        { id: 'file-ledger.json', done: false },
      ],
    })
    expect(await there(NODE_PATHS.root)).toBe(false)
  })

  it('tells the steps also when a check failed, and fails', async () => {
    situation.checks = [check({ status: 'fail' })]
    const { types, last } = await runOf('plan')
    expect(types).toContain('plan')
    expect(last.error).toMatchObject({ kind: 'check' })
  })
})

describe('install', () => {
  it('does the steps, validates, saves and tells the report', async () => {
    situation.checks = [check(), check({ id: 'clock', status: 'skip' })]
    const { last, events } = await runOf('install', { skipChecks: ['clock'] })
    expect(last).toMatchObject({ outcome: 'done', changed: 2 })
    const told = events.find(({ type }) => type === 'report') as Event & { report: Report }
    expect(told.report).toMatchObject({ passed: true, skippedChecks: ['clock'] })
    expect(told.report.checks).toHaveLength(2)
    expect(await readdir(NODE_PATHS.reports)).toEqual(expect.arrayContaining(['last.json', 'run-1.json', 'run-1.xml']))
  })

  it('changes nothing where a check fails, and leaves a bare host as it was', async () => {
    situation.checks = [check({ status: 'fail' })]
    const { last, types } = await runOf('install')
    expect(last.error).toMatchObject({ kind: 'check' })
    expect(types).not.toContain('step-started')
    expect(await there(NODE_PATHS.root)).toBe(false)
  })

  it('changes nothing the second time, and takes the last report for as good', async () => {
    await runOf('install')
    Object.assign(situation, { settled: true, reports: [] })
    const { last, types } = await runOf('install', { run: 'run-2' })
    expect(last).toMatchObject({ outcome: 'done', changed: 0 })
    expect(types).toContain('report')
    expect(await readdir(NODE_PATHS.reports)).not.toContain('run-2.json')
  })

  it.each<[string, Partial<Report>]>([
    ['failed', { passed: false }],
    ['is of another bundle', { bundle: `sha256:${'9'.repeat(64)}` }],
    ['is older than the interval', { startedAt: new Date(Date.now() - 301_000).toISOString() }],
    ['lacks a level', { levels: [] }],
  ])('validates again when the last report %s', async (_what, changes) => {
    await runOf('install')
    const { saveReport } = await import('../../../agent/service/validation.ts')
    await saveReport(reportOf({ bundle, ...changes }))
    Object.assign(situation, { settled: true, reports: [reportOf({ bundle, run: 'run-2' })] })
    await runOf('install', { run: 'run-2' })
    expect(situation.reports).toEqual([])
  })

  it('validates again when the last report cannot be read', async () => {
    await runOf('install')
    await writeFile(join(NODE_PATHS.reports, 'run-1.json'), '{"version":1,')
    Object.assign(situation, { settled: true, reports: [reportOf({ bundle, run: 'run-2' })] })
    expect((await runOf('install', { run: 'run-2' })).last.outcome).toBe('done')
  })

  it('fails as a validation when the hub does not work, having told the report, and names what to look at', async () => {
    const bad = caseOf({ status: 'fail', found: 'no answer', needed: 'an answer', subject: 'central-ledger' })
    situation.reports = [reportOf({}, caseOf(), bad)]
    const { last, types } = await runOf('install')
    expect(types.indexOf('report')).toBeLessThan(types.indexOf('run-finished'))
    expect(last.error).toMatchObject({ code: 'validation-failed', kind: 'validation' })
    expect(last.error?.message).toContain('central-ledger')
    expect(last.error?.found).toBe('money moves: no answer')
    expect(last.error?.next).toContain('docker logs mojabox-central-ledger-1')
  })

  it('counts what was changed also when a later step fails', async () => {
    situation.steps = [...STEPS, { id: 'bad', kind: 'link', params: { path: NODE_PATHS.secrets, target: '/x' } }]
    const { last } = await runOf('install')
    expect(last).toMatchObject({ outcome: 'failed', error: { kind: 'step' } })
    situation.steps = STEPS
    expect((await runOf('install')).last).toMatchObject({ outcome: 'done', changed: 0 })
  })

  it('lets no secret into an event, the journal or a report', async () => {
    const first = await runOf('install')
    const secret = await readFile(join(NODE_PATHS.secrets, 'ledger'), 'utf8')
    expect(await readFile(config, 'utf8')).toContain(secret)
    // The file is changed from outside: the step applies again, over a file that holds the secret.
    await writeFile(config, `changed, with "${secret}" in it`)
    situation.reports = [reportOf()]
    const second = await runOf('install')
    expect(second.last).toMatchObject({ changed: 1 })
    const journal = await readFile(NODE_PATHS.journal, 'utf8')
    const hidden = [secret, Buffer.from(`changed, with "${secret}" in it`).toString('base64').slice(8, 40)]
    for (const text of [journal, JSON.stringify(first.events), JSON.stringify(second.events)]) {
      for (const trace of hidden) expect(text).not.toContain(trace)
    }
  })
})

describe('uninstall', () => {
  it('takes back what was done and forgets the node, but keeps the secrets of data that stays', async () => {
    await runOf('install')
    const { last } = await runOf('uninstall', { bundle: undefined })
    expect(last).toMatchObject({ outcome: 'done', changed: 2 })
    expect(await there(config)).toBe(false)
    expect(await readdir(NODE_PATHS.root)).toEqual(['journal.ndjson', 'secrets'])
  })

  it('finds nothing more to take back, until the data may go too', async () => {
    await runOf('install')
    await runOf('uninstall', { bundle: undefined })
    expect((await runOf('uninstall', { bundle: undefined })).last).toMatchObject({ outcome: 'done', changed: 0 })
    const { last } = await runOf('uninstall', { bundle: undefined, deleteData: true })
    expect(last).toMatchObject({ outcome: 'done', changed: 1 })
    expect(await there(NODE_PATHS.root)).toBe(false)
  })

  it('leaves nothing when the data may go', async () => {
    await runOf('install')
    await runOf('uninstall', { deleteData: true })
    expect(await there(NODE_PATHS.root)).toBe(false)
  })

  it('finds nothing to do on a bare host, and leaves it so', async () => {
    const { last } = await runOf('uninstall')
    expect(last).toMatchObject({ outcome: 'done', changed: 0 })
    expect(await there(NODE_PATHS.root)).toBe(false)
  })
})

describe('status and validate', () => {
  it.each(['status', 'validate'] as const)(
    '%s says that nothing is installed, and leaves a bare host as it was',
    async (verb) => {
      const { last } = await runOf(verb, { bundle: undefined })
      expect(last.error).toMatchObject({ code: 'not-installed', kind: 'check', next: 'mojabox install' })
      expect(await there(NODE_PATHS.root)).toBe(false)
    },
  )
})

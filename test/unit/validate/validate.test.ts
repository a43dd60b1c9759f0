import { readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Report } from '../../../agent/contract/report.ts'
import { CASE_GROUPS } from '../../../agent/validate/registry.ts'
import { buildReport, junitOf, writeReport } from '../../../agent/validate/report.ts'
import { passed, type ValidateOptions, validate } from '../../../agent/validate/validate.ts'
import { DEFINITION, FakeHub } from './fake-hub.ts'

let hub: FakeHub
beforeEach(async () => {
  hub = new FakeHub()
  await hub.ledger.listen()
})
afterEach(() => hub.ledger.close())

function options(more: Partial<ValidateOptions> = {}): ValidateOptions {
  return {
    definition: DEFINITION,
    profile: 'small',
    currency: 'USD',
    ports: { ledger: Number(new URL(hub.ledger.url).port) },
    project: 'mojabox',
    levels: [],
    run: hub.run,
    signal: new AbortController().signal,
    times: { healthMs: 50, settleMs: 50, fundsMs: 300, lookMs: 10 },
    openKafka: hub.kafka.open,
    ...more,
  }
}

it('lists every file of its folder of cases', () => {
  const files = readdirSync(new URL('../../../agent/validate/cases/', import.meta.url)).map((file) =>
    file.replace(/\.ts$/, ''),
  )
  expect(CASE_GROUPS.map(({ name }) => name).sort()).toEqual(files.sort())
})

describe('validate', () => {
  it('runs the levels in order, and lets Kafka go', async () => {
    const told: string[] = []
    const levels = await validate(options({ onLevel: ({ level }) => told.push(level) }))
    expect(told).toEqual(['services', 'ledger', 'transfer'])
    // Nobody listens at the fake addresses.
    const failed = levels.flatMap(({ cases }) => cases.filter(({ status }) => status === 'fail'))
    expect(failed.map(({ id }) => id)).toEqual(['health:ledger', 'health:handlers'])
    expect(hub.kafka.closed).toBe(1)
  })

  it('runs one level alone', async () => {
    const levels = await validate(options({ levels: ['ledger'] }))
    expect(levels.map(({ level }) => level)).toEqual(['ledger'])
    expect(passed(levels)).toBe(true)
    const moments = levels[0]?.movements.map(({ atMs }) => atMs) ?? []
    expect(moments).toHaveLength(3)
    expect(moments).toEqual(moments.toSorted((left, right) => left - right))
  })

  it('refuses a level that does not exist rather than pass without it', async () => {
    await expect(validate(options({ levels: ['ledgers'] }))).rejects.toMatchObject({ facts: { code: 'level-unknown' } })
  })

  it('says only that when Docker does not answer', async () => {
    const run = () => Promise.reject(new Error('cannot connect to the Docker daemon'))
    const levels = await validate(options({ run }))
    expect(levels[0]?.cases).toMatchObject([{ status: 'fail', subject: 'docker' }])
    expect(levels[1]?.cases[0]).toMatchObject({ status: 'skip', found: 'not tried: docker failed' })
    expect(passed(levels)).toBe(false)
  })

  it('ends when it is interrupted', async () => {
    const interrupted = new AbortController()
    hub.ledger.handling = false
    setTimeout(() => interrupted.abort(new Error('enough')), 50)
    const running = validate(
      options({ levels: ['ledger'], signal: interrupted.signal, times: { fundsMs: 60_000, lookMs: 10 } }),
    )
    await expect(running).rejects.toThrow()
    expect(hub.kafka.closed).toBe(1)
  })
})

describe('the report', () => {
  const order = {
    run: 'r-1',
    site: 'kigali',
    host: 'n1',
    deployment: 'core-test-harness',
    profile: 'small',
    skipChecks: ['swap'],
  } as const
  const check = {
    id: 'swap',
    title: 'swap is off',
    status: 'fail',
    found: 'on',
    needed: 'off',
    fix: 'swapoff -a',
  } as const
  const dates = { startedAt: new Date('2026-01-02T03:04:05Z'), endedAt: new Date('2026-01-02T03:04:06.5Z') }

  async function sample(): Promise<Report> {
    hub.kafka.reachable = false
    const levels = await validate(options({ levels: ['services'] }))
    return buildReport({
      order: { ...order, skipChecks: [...order.skipChecks], bundle: undefined },
      ...dates,
      levels,
      checks: [],
    })
  }

  it('says whether all is well, when and what', async () => {
    const report = await sample()
    expect(Report.parse(report)).toMatchObject({ passed: false, seconds: 1.5, bundle: '', skippedChecks: ['swap'] })
    const levels = [{ level: 'services', cases: [], movements: [] }]
    const built = (checks: (typeof check)[]) =>
      buildReport({ order: { ...order, skipChecks: [], bundle: undefined }, ...dates, levels, checks })
    expect(built([]).passed).toBe(true)
    expect(built([check]).passed).toBe(false)
  })

  it('has in JUnit the same cases, failures and skips, each named', async () => {
    const report = await sample()
    const xml = junitOf({ ...report, checks: [check] })
    const cases = report.levels.flatMap((level) => level.cases)
    const count = (status: string) => cases.filter((entry) => entry.status === status).length
    expect(xml.match(/<testcase /g)).toHaveLength(cases.length + 1)
    expect(xml.match(/<failure /g)).toHaveLength(count('fail') + 1)
    expect(xml.match(/<skipped/g)).toHaveLength(count('skip'))
    expect(xml).toContain('<failure message="kafka: found ')
    expect(xml).toContain('name="swap is off"')
  })

  it('is written whole, as JSON and as JUnit', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mojabox-report-'))
    try {
      const report = await sample()
      const { jsonPath, junitPath } = await writeReport(report, join(folder, 'reports'))
      expect(Report.parse(JSON.parse(await readFile(jsonPath, 'utf8')))).toEqual(report)
      expect(await readFile(junitPath, 'utf8')).toContain('<testsuites')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

import type { Movement, Report } from '../../../agent/contract/report.ts'
import { readAsset } from '../../../agent/page/assets.ts'
import { sumUpDay } from '../../../agent/page/day.ts'
import { recentEvents } from '../../../agent/page/events.ts'
import type { HistoryLine } from '../../../agent/page/history.ts'
import { pageMetrics } from '../../../agent/page/page-metrics.ts'
import type { PageStatus } from '../../../agent/page/page-status.ts'
import { entryOf, type ReportEntry } from '../../../agent/page/reports.ts'
import type { PageContent } from '../../../agent/page/serve-page.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** What a hub was like at some moment: everything that the page shows, as the agent's own code would tell it. */
export interface Scene {
  status: PageStatus
  lines: HistoryLine[]
  reports: Report[]
}

const before = (ms: number) => new Date(Date.now() - ms).toISOString()

const SERVICES: [string, string, number, number][] = [
  ['central-ledger', 'mojaloop/central-ledger:v19.5.5', 182e6, 0.021],
  ['central-ledger-handlers', 'mojaloop/central-ledger:v19.5.5', 241e6, 0.064],
  ['kafka', 'apache/kafka:4.1.2', 612e6, 0.118],
  ['mysql', 'docker.io/library/mysql:8.0', 438e6, 0.034],
  ['redis', 'docker.io/library/redis:8.0', 9.4e6, 0.004],
]

function statusOf(changes: Partial<PageStatus> = {}): PageStatus {
  const job = {
    service: 'central-ledger-migrator',
    state: 'completed',
    health: '',
    image: 'mojaloop/central-ledger:v19.5.5',
    words: 'Exited (0) 3 days ago',
    well: true,
    use: null,
  }
  const running = SERVICES.map(([service, image, memoryBytes, cores]) => ({
    service,
    state: 'running',
    health: 'healthy',
    image,
    words: 'Up 3 days (healthy)',
    well: true,
    use: { memoryBytes, cores, cpuSeconds: 1234.5 },
  }))
  return {
    at: new Date().toISOString(),
    site: 'lusaka',
    host: 'hub1',
    deployment: 'core-test-harness',
    profile: 'central-ledger',
    bundle: `sha256:${'4f0c9d2b'.repeat(8)}`,
    bundleVersion: '17.1.0-1',
    mojabox: '0.1.0',
    installedAt: before(70 * HOUR),
    bootedAt: before(71 * HOUR),
    hub: 'up',
    services: [...running, job].sort((left, right) => left.service.localeCompare(right.service)),
    agent: { pid: 812, startedAt: before(70 * HOUR), residentBytes: 61e6, page: '127.0.0.1:9470' },
    validation: { at: before(2 * MINUTE), seconds: 6.4, passed: true, failed: [], run: 'agent-10' },
    validating: false,
    nextValidationAt: new Date(Date.now() + 3 * MINUTE).toISOString(),
    validateEverySeconds: 300,
    memory: { totalBytes: 8.2e9, availableBytes: 4.9e9 },
    disks: [{ path: '/', totalBytes: 63e9, freeBytes: 41e9 }],
    load: 0.42,
    cores: 2,
    ...changes,
  }
}

const LEDGER: Movement[] = [
  ['funds in: 1.25 USD, mojaboxpayer', '10000 to 10001.25 in 312 ms', 14, 330],
  ['funds out, reserved: 1.25 USD, mojaboxpayer', '10001.25 to 10000 in 287 ms', 391, 301],
  ['funds out, committed: 1.25 USD, mojaboxpayer', '10001.25 to 10000 in 287 ms', 720, 512],
].map(([what, outcome, atMs, tookMs]) => ({
  atMs: Number(atMs),
  tookMs: Number(tookMs),
  from: 'mojabox',
  to: 'central-ledger',
  what: String(what),
  outcome: String(outcome),
}))

const TRANSFER: Movement[] = [
  ['payerfsp', 'account-lookup-service', 'GET /parties/MSISDN/27713803912', '202', 0, 31],
  ['account-lookup-service', 'payeefsp', 'GET /parties/MSISDN/27713803912', '202', 88, 9],
  ['payeefsp', 'payerfsp', 'PUT /parties/MSISDN/27713803912', 'payee found', 121, null],
  ['payerfsp', 'quoting-service', 'POST /quotes', '202', 160, 22],
  ['quoting-service', 'payeefsp', 'POST /quotes', '202', 244, 7],
  ['payeefsp', 'payerfsp', 'PUT /quotes/9e1f…', 'fee 0.00 USD', 290, null],
  ['payerfsp', 'ml-api-adapter', 'POST /transfers', '202', 310, 24],
  ['ml-api-adapter', 'central-ledger', 'prepare', 'RESERVED', 342, 118],
  ['ml-api-adapter', 'payeefsp', 'POST /transfers', '202', 470, 11],
  ['payeefsp', 'ml-api-adapter', 'PUT /transfers/71c0…', '200', 512, 19],
  ['central-ledger', 'central-ledger', 'positions: payer +10.00, payee -10.00', 'COMMITTED', 538, 96],
  ['ml-api-adapter', 'payerfsp', 'PUT /transfers/71c0…', 'COMMITTED', 640, 8],
].map(([from, to, what, outcome, atMs, tookMs]) => ({
  atMs: Number(atMs),
  tookMs: tookMs === null ? null : Number(tookMs),
  from: String(from),
  to: String(to),
  what: String(what),
  outcome: String(outcome),
}))

type Case = Report['levels'][number]['cases'][number]

function caseOf(id: string, title: string, changes: Partial<Case> = {}): Case {
  return { id, title, status: 'pass', seconds: 0.2, found: 'as it should be', needed: '', subject: '', ...changes }
}

function reportOf(run: string, minutesAgo: number, levels: Report['levels']): Report {
  const { site, host, deployment, profile, bundle } = statusOf()
  return {
    version: 1,
    run,
    site,
    host,
    deployment,
    profile,
    bundle,
    startedAt: before(minutesAgo * MINUTE),
    seconds: 6.4,
    passed: levels.every(({ cases }) => cases.every(({ status }) => status !== 'fail')),
    levels,
    checks: [],
    skippedChecks: [],
    signedBy: [],
    unsignedAllowed: false,
  }
}

const SERVICES_LEVEL: Report['levels'][number] = {
  level: 'services',
  cases: SERVICES.map(([service]) => caseOf(`health:${service}`, `${service} is healthy`, { found: 'healthy' })),
  movements: [],
}
const LEDGER_LEVEL: Report['levels'][number] = {
  level: 'ledger',
  cases: [
    caseOf('ledger:account', 'test DFSP mojaboxpayer has its account', { found: '10000 USD in it' }),
    caseOf('ledger:funds-in', 'funds come in to mojaboxpayer', { found: '10000 to 10001.25 in 312 ms' }),
    caseOf('ledger:funds-out', 'funds go out of mojaboxpayer', { found: '10001.25 to 10000 in 287 ms' }),
    caseOf('ledger:once', 'each order was carried out once, though sent twice', { found: '1.25 in, -1.25 out' }),
  ],
  movements: LEDGER,
}
const TRANSFER_LEVEL: Report['levels'][number] = {
  level: 'transfer',
  cases: [caseOf('transfer:positions', 'both positions changed by the amount', { found: '10.00 USD' })],
  movements: TRANSFER,
}
const FAILED_LEVELS: Report['levels'] = [
  {
    level: 'services',
    cases: [
      ...SERVICES_LEVEL.cases.slice(1),
      caseOf('health:kafka', 'kafka is healthy', {
        status: 'fail',
        subject: 'kafka',
        found: 'unhealthy',
        needed: 'healthy within 5 s',
      }),
    ],
    movements: [],
  },
  {
    level: 'ledger',
    cases: LEDGER_LEVEL.cases.map((one) => ({ ...one, status: 'skip', found: 'not tried: kafka failed' })),
    movements: [],
  },
]

/** Looks every five minutes, and a validation at each; `at` says how it was so long ago. */
function linesOf(hours: number, at: (minutesAgo: number) => { hub: PageStatus['hub']; ill: Record<string, string> }) {
  const lines: HistoryLine[] = [{ at: before(hours * HOUR), kind: 'agent', version: '0.1.0' }]
  for (let minutes = hours * 60; minutes >= 0; minutes -= 5) {
    const seen = at(minutes)
    lines.push({ at: before(minutes * MINUTE), kind: 'look', ...seen })
    if (minutes < 2) continue
    const passed = seen.hub === 'up'
    const failed = passed ? [] : Object.keys(seen.ill).map((service) => `${service} is healthy`)
    lines.push({ at: before(minutes * MINUTE - 1), kind: 'validation', run: 'x', passed, seconds: 6.4, failed })
  }
  return lines
}

const UP = { hub: 'up', ill: {} } as const
const ILL = { hub: 'degraded', ill: { kafka: 'unhealthy' } } as const

/** A hub that is well, after a bad quarter of an hour in the night. */
export function wellScene(): Scene {
  const past = [7, 12, 17, 22].map((minutes) => reportOf(`agent-${minutes}`, minutes, [SERVICES_LEVEL, LEDGER_LEVEL]))
  return {
    status: statusOf(),
    lines: linesOf(22, (minutes) => (minutes > 500 && minutes < 516 ? ILL : UP)),
    reports: [
      reportOf('agent-10', 2, [SERVICES_LEVEL, LEDGER_LEVEL]),
      ...past,
      reportOf('4b2d-desk', 90, [SERVICES_LEVEL, LEDGER_LEVEL]),
    ],
  }
}

/** As above, with a validation that moves money between DFSPs. */
export function transferScene(): Scene {
  const scene = wellScene()
  return {
    ...scene,
    reports: [reportOf('agent-10', 2, [SERVICES_LEVEL, LEDGER_LEVEL, TRANSFER_LEVEL]), ...scene.reports],
  }
}

/** Kafka has been ill for half an hour. */
export function failingScene(): Scene {
  const { services } = statusOf()
  return {
    status: statusOf({
      hub: 'degraded',
      services: services.map((one) =>
        one.service === 'kafka' ? { ...one, health: 'unhealthy', words: 'Up 3 days (unhealthy)', well: false } : one,
      ),
      validation: {
        at: before(2 * MINUTE),
        seconds: 12.1,
        passed: false,
        failed: ['kafka is healthy'],
        run: 'agent-11',
      },
      memory: { totalBytes: 8.2e9, availableBytes: 0.3e9 },
      disks: [
        { path: '/', totalBytes: 63e9, freeBytes: 7e9 },
        { path: '/var/lib/docker', totalBytes: 200e9, freeBytes: 110e9 },
      ],
    }),
    lines: linesOf(23, (minutes) => (minutes < 32 ? ILL : UP)),
    reports: [reportOf('agent-11', 2, FAILED_LEVELS), reportOf('agent-10', 47, [SERVICES_LEVEL, LEDGER_LEVEL])],
  }
}

/** Just installed: nothing runs, nothing is remembered. */
export function emptyScene(): Scene {
  const nothing = {
    hub: 'down',
    services: [],
    validation: null,
    nextValidationAt: null,
    memory: null,
    load: null,
  } as const
  return { status: statusOf({ ...nothing, services: [], disks: [] }), lines: [], reports: [] }
}

/** Serves whatever scene is set; `asked` counts what was asked for. */
export class FixturePage implements PageContent {
  scene: Scene
  /** The agent finds nothing out any more. */
  broken = false
  readonly asked: string[] = []

  constructor(scene: Scene) {
    this.scene = scene
  }

  readonly asset = readAsset

  async status() {
    this.#ask('status')
    return { ...this.scene.status, at: new Date().toISOString() }
  }

  async history() {
    return sumUpDay(this.scene.lines, Date.now())
  }

  async events() {
    const { lines, status } = this.scene
    const installed = { at: status.installedAt, text: `Installed: bundle ${status.bundleVersion}` }
    return recentEvents({ lines, reports: await this.reports(), installed, bootedAt: status.bootedAt })
  }

  async reports(): Promise<ReportEntry[]> {
    return this.scene.reports.map(entryOf)
  }

  async report(run: string) {
    this.#ask(`report ${run}`)
    const found = this.scene.reports.find((report) => report.run === run)
    return found && JSON.stringify(found)
  }

  async metrics() {
    return pageMetrics(this.scene.status, await this.reports())
  }

  #ask(what: string): void {
    this.asked.push(what)
    if (this.broken) throw new Error('the agent is ill')
  }
}

import type { RunCommand } from '../../../agent/contract/step.ts'
import type { Definition, Fspiop, Provisioning } from '../../../agent/deployments/core-test-harness/definition.ts'
import { decimalOf, openLedgerApi } from '../../../agent/deployments/core-test-harness/ledger-api.ts'
import { profileOf } from '../../../agent/deployments/core-test-harness/profile.ts'
import type { Service } from '../../../agent/deployments/core-test-harness/service.ts'
import type { Container } from '../../../agent/validate/containers.ts'
import type { ValidateContext } from '../../../agent/validate/context.ts'
import { FakeKafka } from '../ledger/fake-kafka.ts'
import { FakeLedger } from '../ledger/fake-ledger.ts'
import { FakeSwitch } from './fake-switch.ts'

const service = (more: Partial<Service>): Service => ({
  needs: [],
  backing: false,
  job: false,
  onDemand: false,
  siteImage: false,
  memoryBytes: 1,
  dataBytes: 0,
  topics: {},
  consumes: {},
  variables: [],
  compose: { image: 'docker.io/library/none:1' },
  ...more,
})

const profile = (more: Partial<Definition['profiles'][string]>): Definition['profiles'][string] => ({
  title: '',
  services: [],
  includes: [],
  instead: {},
  replicas: {},
  cores: { fail: 1, warn: 1 },
  ...more,
})

export const DEFINITION: Definition = {
  version: 1,
  name: 'core-test-harness',
  title: '',
  every: {},
  healthcheck: {},
  probe: '',
  ports: {
    kafka: { service: 'kafka', container: 9, default: 9 },
    ledger: { service: 'ledger', container: 9, default: 9 },
  },
  secrets: {},
  keyPairs: [],
  certificates: {},
  configs: [],
  folders: {},
  kafka: { service: 'kafka', port: 'kafka' },
  ledger: { service: 'ledger', port: 'ledger' },
  databases: [
    {
      service: 'mysql',
      user: 'ledger',
      schema: 'ledger',
      passwordFile: '/run/secrets/password',
      migratedBy: 'migrator',
      migrations: { table: 'migration', lockTable: 'migration_lock', atLeast: 3 },
      seeds: [{ table: 'currency', atLeast: 2 }],
    },
  ],
  fspiop: {
    transfers: { service: 'transfers', port: 3000 },
    quotes: { service: 'quotes', port: 3002 },
    parties: { service: 'parties', port: 4002 },
    partiesAdmin: { service: 'parties', port: 4001 },
    oracle: { service: 'oracle', url: 'http://oracle:3000' },
    callbacksPort: 3999,
    jws: false,
  },
  provisioning: {
    hubAccounts: [],
    settlementModel: {} as Provisioning['settlementModel'],
    fundsIn: { group: 'group-admin', topic: 'topic-admin' },
    participants: [
      { name: 'mojaboxpayer', netDebitCap: 1, funds: 1 },
      { name: 'mojaboxpayee', netDebitCap: 1, funds: 1 },
    ],
  },
  hostMemoryBytes: 1,
  services: {
    mysql: service({ backing: true }),
    kafka: service({ backing: true }),
    migrator: service({ needs: ['mysql'], job: true }),
    ledger: service({ needs: ['mysql', 'kafka', 'migrator'], health: { port: 3001, path: '/health' } }),
    handlers: service({
      needs: ['ledger'],
      health: { port: 3001, path: '/health' },
      topics: { 'topic-admin': 1, 'topic-events': 2 },
      consumes: { 'group-admin': 'topic-admin' },
    }),
    // In no profile of these tests.
    ...Object.fromEntries(['transfers', 'quotes', 'parties', 'oracle'].map((name) => [name, service({})])),
  },
  profiles: {
    small: profile({ services: ['handlers'] }),
    bare: profile({ services: ['quotes'] }),
  },
}

const PROFILE = profileOf(DEFINITION, 'small')

const TIMES = {
  healthMs: 100,
  settleMs: 60,
  fundsMs: 300,
  callbackMs: 300,
  movedMs: 750,
  expiryMs: 100,
  timeoutMs: 400,
  lookMs: 10,
}

/** A hub that is well in every respect, until a test breaks something. */
export class FakeHub {
  readonly kafka = new FakeKafka()
  readonly ledger = new FakeLedger()
  readonly switch = new FakeSwitch(this.ledger)
  /** Where it answers DFSPs; without it, it does not. */
  fspiop: Fspiop | undefined
  readonly commands: { argv: string[]; input: string | undefined }[] = []
  containers: Container[] = PROFILE.services.map((service, index) => container(service, index))
  readonly health = new Map<string, { status: number; body: string } | Error>()
  /** Rows by table. */
  readonly tables = new Map([
    ['migration', 3],
    ['currency', 5],
  ])
  migrationLocked = false
  /** Its containers cannot reach this machine. */
  walledOff = false
  failed: string[] = []
  readonly moved: Parameters<ValidateContext['moved']>[0][] = []

  constructor() {
    this.kafka.partitionsOf.set('topic-admin', 1).set('topic-events', 2)
    const address = this.container('handlers').address ?? ''
    const partitions = [{ topic: 'topic-admin', partition: 0 }]
    this.kafka.groups.set('group-admin', { state: 'Stable', members: [{ host: address, partitions }] })
    this.ledger.addParticipant('mojaboxpayer', 'USD', 50_000n)
    this.ledger.addParticipant('mojaboxpayee', 'USD', 50_000n)
  }

  container(service: string): Container {
    const found = this.containers.find((entry) => entry.service === service)
    if (!found) throw new Error(`no ${service}`)
    return found
  }

  /** Its services answer DFSPs from now on, all of them at one port. */
  async openToDfsps(): Promise<void> {
    const at = { service: 'adapter', port: await this.switch.listen() }
    this.containers.push({ ...container('adapter', 0), address: '127.0.0.1', gateway: '127.0.0.1' })
    const oracle = { service: 'adapter', url: 'http://oracle:3000' }
    this.fspiop = {
      transfers: at,
      quotes: at,
      parties: at,
      partiesAdmin: at,
      oracle,
      callbacksPort: 3999,
      jws: false,
    }
  }

  context(): ValidateContext {
    const signal = new AbortController().signal
    return {
      profile: { ...PROFILE, fspiop: this.fspiop ?? PROFILE.fspiop },
      currency: 'USD',
      signal,
      times: TIMES,
      run: this.run,
      containers: this.containers,
      kafka: this.kafka,
      partitions: () => this.kafka.topics(),
      ledger: openLedgerApi({ url: this.ledger.url, signal }),
      callbacksPort: 0,
      signingKeys: undefined,
      failed: this.failed,
      moved: (movement) => void this.moved.push(movement),
      get: async (url) => {
        const answer = this.health.get(url) ?? {
          status: 200,
          body: '{"status":"OK","services":[{"name":"broker","status":"OK"}]}',
        }
        if (answer instanceof Error) throw answer
        return answer
      },
    }
  }

  readonly run: RunCommand = async (argv, options) => {
    this.commands.push({ argv, input: options?.input })
    const ok = (stdout: string) => ({ code: 0, stdout, stderr: '' })
    if (argv[1] === 'ps') return ok(this.containers.map(({ id }) => id).join('\n'))
    if (argv.includes('node')) return { code: this.walledOff ? 3 : 0, stdout: '', stderr: '' }
    if (argv[1] === 'inspect') return ok(JSON.stringify(this.containers.map(inspected)))
    return ok(this.rows(options?.input ?? ''))
  }

  private rows(sql: string): string {
    const transferId = /transferId = '([^']+)'/.exec(sql)?.[1] ?? ''
    const transfer = this.ledger.transfers.get(transferId) ?? this.switch.transfers.get(transferId)
    const name = /p\.name = '([^']+)'/.exec(sql)?.[1]
    if (name !== undefined) return this.switch.changesOf(transferId, name).map(decimalOf).join('\n')
    if (sql.includes('expirationDate')) return String(this.switch.underWay())
    const account = /participantCurrencyId = (\d+) and s\.reason/.exec(sql)?.[1]
    if (account !== undefined) return this.ledger.movesOf(Number(account)).join('\n')
    if (sql.includes('information_schema')) return [...this.tables.keys()].join('\n')
    if (sql.includes('migration_lock')) return this.migrationLocked ? '1' : '0'
    if (sql.includes('from migration')) return String(this.tables.get('migration') ?? 0)
    if (sql.includes('participantPositionChange')) {
      return (this.ledger.transfers.get(transferId)?.changes ?? []).map(decimalOf).join('\n')
    }
    if (sql.includes('transferStateChange')) return (transfer?.states ?? []).join('\n')
    return [...sql.matchAll(/select '(\w+)'/g)]
      .map((match) => `${match[1]}\t${this.tables.get(match[1] ?? '')}`)
      .join('\n')
  }
}

function container(service: string, index: number): Container {
  const job = PROFILE.jobs.includes(service)
  return {
    id: `id-${service}`,
    name: `mojabox-${service}-1`,
    service,
    state: job ? 'exited' : 'running',
    exitCode: 0,
    address: job ? undefined : `10.0.0.${index + 1}`,
    gateway: undefined,
  }
}

function inspected({ id, name, service, state, exitCode, address }: Container): unknown {
  return {
    Id: id,
    Name: `/${name}`,
    State: { Status: state, ExitCode: exitCode },
    Config: { Labels: { 'com.docker.compose.service': service } },
    NetworkSettings: { Networks: { mojabox: { IPAddress: address ?? '' } } },
  }
}

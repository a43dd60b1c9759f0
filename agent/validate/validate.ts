import { MojaboxError } from '../../bundles/format/error.ts'
import { LEVELS, type Level } from '../contract/levels.ts'
import type { Movement, Report, ReportCase } from '../contract/report.ts'
import type { RunCommand } from '../contract/step.ts'
import { CALLBACKS_PORT_NAME, type Definition } from '../deployments/core-test-harness/definition.ts'
import { openLedgerApi } from '../deployments/core-test-harness/ledger-api.ts'
import { profileOf } from '../deployments/core-test-harness/profile.ts'
import { reportCase, skip } from './case.ts'
import { type Container, listContainers } from './containers.ts'
import type { ValidateContext, ValidateTimes } from './context.ts'
import { httpGet } from './http-get.ts'
import { type OpenKafka, openKafka } from './kafka.ts'
import { CASE_GROUPS } from './registry.ts'
import type { SigningKeys } from './transfer/session.ts'

export interface ValidateOptions {
  definition: Definition
  profile: string
  currency: string
  /** The published ports, by the definition's name; those missing are at their default. */
  ports: Readonly<Record<string, number>>
  /** Compose project. */
  project: string
  /** Which levels to run; all when empty. */
  levels: readonly string[]
  run: RunCommand
  signal: AbortSignal
  /** Called as each level is done. */
  onLevel?: (level: Report['levels'][number]) => void
  times?: Partial<ValidateTimes>
  /** Needed where the profile signs messages. */
  signingKeys?: SigningKeys
  openKafka?: OpenKafka
}

const TIMES: ValidateTimes = {
  healthMs: 5_000,
  settleMs: 15_000,
  fundsMs: 20_000,
  callbackMs: 15_000,
  movedMs: 6_000,
  expiryMs: 4_000,
  timeoutMs: 40_000,
  lookMs: 250,
}
const KAFKA_MS = 5_000

/**
 * Looks at a running hub and moves money through it; changes nothing but the balance of mojabox's own test DFSP, and
 * puts that back. One at a time: two at once see each other's money. Loads the Kafka client (40 to 60 MB): a process
 * that stays should let a child do this.
 * @throws MojaboxError `profile-unknown`, `level-unknown`; the signal's reason when interrupted. What is wrong with the hub is in the cases.
 */
export async function validate(options: ValidateOptions): Promise<Report['levels']> {
  const { signal } = options
  const profile = profileOf(options.definition, options.profile)
  const levels = chosen(options.levels)
  const portOf = (name: string) => options.ports[name] ?? options.definition.ports[name]?.default
  const brokers = [`127.0.0.1:${portOf(options.definition.kafka.port)}`]
  const kafka = await (options.openKafka ?? openKafka)({ brokers, signal, timeoutMs: KAFKA_MS })
  try {
    const docker = await dockerCase(options)
    const context: Omit<ValidateContext, 'failed' | 'moved'> = {
      profile,
      currency: options.currency,
      signal,
      times: { ...TIMES, ...options.times },
      run: options.run,
      containers: docker.containers,
      kafka,
      partitions: once(() => kafka.topics()),
      ledger: openLedgerApi({ url: `http://127.0.0.1:${portOf(options.definition.ledger.port)}`, signal }),
      callbacksPort: options.ports[CALLBACKS_PORT_NAME] ?? options.definition.fspiop.callbacksPort,
      signingKeys: options.signingKeys,
      get: (url, timeoutMs) => httpGet(url, timeoutMs, signal),
    }
    const results: Report['levels'] = []
    for (const name of levels) {
      const { movements, moved } = recorder()
      const told = { ...context, failed: failures(results), moved }
      const level = { level: name, cases: await runLevel(name, docker.case, told), movements }
      results.push(level)
      options.onLevel?.(level)
    }
    return results
  } finally {
    await kafka.close()
  }
}

/** No case failed. */
export function passed(levels: Report['levels']): boolean {
  return levels.every(({ cases }) => cases.every(({ status }) => status !== 'fail'))
}

/** @throws MojaboxError `level-unknown` */
function chosen(levels: readonly string[]): Level[] {
  const unknown = levels.filter((level) => !LEVELS.some((known) => known === level))
  if (unknown.length > 0) {
    throw new MojaboxError({
      code: 'level-unknown',
      kind: 'usage',
      message: `validating: there is no level ${unknown.join(', ')}`,
      found: unknown.join(', '),
      needed: `any of ${LEVELS.join(', ')}`,
      next: `mojabox validate --level ${LEVELS[0]}`,
    })
  }
  return LEVELS.filter((level) => levels.length === 0 || levels.includes(level))
}

async function runLevel(level: Level, docker: ReportCase, context: ValidateContext): Promise<ReportCase[]> {
  // Without Docker's word nothing else can be told apart.
  if (docker.status === 'fail' && level === 'services') return [docker]
  const failed = docker.status === 'fail' ? [...context.failed, docker.subject] : context.failed
  const groups = CASE_GROUPS.filter((group) => group.level === level)
  const cases = (await Promise.all(groups.map((group) => group.run({ ...context, failed })))).flat()
  return level === 'services' ? [docker, ...cases] : cases
}

/** Movements are told when their outcome is known, and listed by when they began. */
function recorder(): { movements: Movement[]; moved: ValidateContext['moved'] } {
  const startedAt = performance.now()
  const movements: Movement[] = []
  return {
    movements,
    moved(movement) {
      const atMs = Math.max(0, Math.round(performance.now() - startedAt - (movement.tookMs ?? 0)))
      const next = movements.findIndex((other) => other.atMs > atMs)
      movements.splice(next < 0 ? movements.length : next, 0, { atMs, ...movement })
    },
  }
}

function failures(results: Report['levels']): string[] {
  return results.flatMap(({ cases }) => cases.filter(({ status }) => status === 'fail').map(({ subject }) => subject))
}

/** Everything else needs to know which containers there are. */
async function dockerCase(options: ValidateOptions): Promise<{ case: ReportCase; containers: Container[] }> {
  let containers: Container[] = []
  const about = {
    id: 'docker',
    title: 'Docker answers',
    needed: `the containers of ${options.project}`,
    subject: 'docker',
  }
  const result = await reportCase(about, options.signal, async () => {
    containers = await listContainers(options.run, options.project)
    return containers.length > 0 ? { status: 'pass', found: `${containers.length} containers` } : skip('no containers')
  })
  return { case: result, containers }
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined
  return () => {
    asked ??= ask()
    return asked
  }
}

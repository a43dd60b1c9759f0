import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { MojaboxError } from '../../../bundles/format/error.ts'
import type { StepContext, StepHandler } from '../../contract/step.ts'
import {
  decimalOf,
  isUnreachable,
  type LedgerAccount,
  type LedgerApi,
  openLedgerApi,
  unitsOf,
} from '../../deployments/core-test-harness/ledger-api.ts'
import { type OpenKafka, openKafka } from '../../validate/kafka.ts'

export interface ParticipantParams {
  /** central-ledger's admin API. */
  url: string
  name: string
  currency: string
  /** Whole units of the currency. */
  netDebitCap: number
  /** Whole units of the currency that the settlement account holds at least. */
  funds: number
  /** Who carries out the funds-in that the API queues. */
  fundsIn: { brokers: string[]; group: string; topic: string }
}

/** Tunable for tests; milliseconds. */
export interface ParticipantTimes {
  /** A funds-in usually arrives within this. */
  usualMs: number
  /** Without having arrived by then it is a failure. */
  longestMs: number
  /** Kafka may count a message as read while the handler is still at it: so long is waited before it counts as lost. */
  graceMs: number
}

const TIMES: ParticipantTimes = { usualMs: 5_000, longestMs: 60_000, graceMs: 10_000 }
const ATTEMPTS = 3

/** A test DFSP with its limit and its funds. Money moves only when less is there than wanted, and then only once. */
export const participant = participantWith(openKafka, TIMES)

export function participantWith(open: OpenKafka, times: ParticipantTimes): StepHandler<ParticipantParams> {
  return {
    describe: (params) =>
      `test DFSP ${params.name}: net debit cap ${params.netDebitCap}, funds ${params.funds} ${params.currency}`,

    async isDone(context, params) {
      const api = openLedgerApi({ url: params.url, signal: context.signal })
      return isThere(api, params).catch(falseIfUnreachable)
    },

    async apply(context, params) {
      const api = openLedgerApi({ url: params.url, signal: context.signal })
      const types = (await api.accountTypes(params.currency)).get(params.name) ?? []
      if (types.length === 0) await api.createParticipant(params.name, params.currency)
      const cap = unitsOf(params.netDebitCap)
      if (!(await settlementAccount(api, params))) await api.setInitialPosition(params.name, params.currency, cap)
      else if ((await api.netDebitCap(params.name, params.currency)) !== cap) {
        await api.setNetDebitCap(params.name, params.currency, cap)
      }
      await fund(context, api, params, open, times)
    },
  }
}

async function isThere(api: LedgerApi, params: ParticipantParams): Promise<boolean> {
  const types = (await api.accountTypes(params.currency)).get(params.name) ?? []
  if (types.length === 0) return false
  const account = await settlementAccount(api, params)
  if (!account || fundsOf(account) < unitsOf(params.funds)) return false
  return (await api.netDebitCap(params.name, params.currency)) === unitsOf(params.netDebitCap)
}

async function settlementAccount(api: LedgerApi, params: ParticipantParams): Promise<LedgerAccount | undefined> {
  const accounts = await api.accounts(params.name)
  return accounts.find((account) => account.type === 'SETTLEMENT' && account.currency === params.currency)
}

function fundsOf(account: LedgerAccount): bigint {
  return -account.units
}

/**
 * Tops the account up. The transfer's id follows from what is there and what is wanted, so that a run after a crash
 * repeats the same transfer, which central-ledger carries out once. When the handler dies at the wrong moment,
 * central-ledger has noted the id but moved nothing, and never will: only when Kafka says that the message was read and
 * still nothing moved is another id tried.
 */
async function fund(
  context: StepContext,
  api: LedgerApi,
  params: ParticipantParams,
  open: OpenKafka,
  times: ParticipantTimes,
): Promise<void> {
  const wanted = unitsOf(params.funds)
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const account = await settlementAccount(api, params)
    if (!account) throw new Error(`${params.name} has no settlement account in ${params.currency} after it was opened`)
    const there = fundsOf(account)
    if (there >= wanted) return
    const id = transferId([context.order.site, params.name, params.currency, `${there}`, `${wanted}`, `${attempt}`])
    await api.recordFundsIn({
      participant: params.name,
      account: account.id,
      transferId: id,
      currency: params.currency,
      units: wanted - there,
      reason: 'funds of a mojabox test DFSP',
    })
    const outcome = await arrival(context, api, params, open, times)
    if (outcome === 'arrived') return
    context.note(`${params.name}: central-ledger read transfer ${id} but moved nothing; trying another`)
  }
  throw notFunded(params, `central-ledger read ${ATTEMPTS} transfers and carried out none`)
}

/** @throws MojaboxError `funds-not-moved` when nobody reads the message */
async function arrival(
  context: StepContext,
  api: LedgerApi,
  params: ParticipantParams,
  open: OpenKafka,
  times: ParticipantTimes,
): Promise<'arrived' | 'lost'> {
  const wanted = unitsOf(params.funds)
  const startedAt = performance.now()
  const hasArrived = async () => {
    const account = await settlementAccount(api, params)
    return account !== undefined && fundsOf(account) >= wanted
  }
  while (performance.now() - startedAt < times.usualMs) {
    if (await hasArrived()) return 'arrived'
    await delay(100, undefined, { signal: context.signal })
  }
  const kafka = await open({ brokers: params.fundsIn.brokers, signal: context.signal })
  try {
    let readSince: number | undefined
    while (performance.now() - startedAt < times.longestMs) {
      if (await hasArrived()) return 'arrived'
      const partitions = (await kafka.topics()).get(params.fundsIn.topic) ?? 0
      const lag = await kafka.lag(params.fundsIn.group, params.fundsIn.topic, partitions)
      const read = lag.length > 0 && lag.every(({ committed, end }) => committed >= end)
      readSince = read ? (readSince ?? performance.now()) : undefined
      if (readSince !== undefined && performance.now() - readSince >= times.graceMs)
        return (await hasArrived()) ? 'arrived' : 'lost'
      await delay(250, undefined, { signal: context.signal })
    }
  } finally {
    await kafka.close()
  }
  throw notFunded(params, `nobody reads ${params.fundsIn.topic} as ${params.fundsIn.group}`)
}

/** A name-based UUID (version 5). */
function transferId(parts: string[]): string {
  const hash = createHash('sha1')
    .update(['mojabox', ...parts].join('\n'))
    .digest()
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  const hex = hash.subarray(0, 16).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function notFunded(params: ParticipantParams, found: string): MojaboxError {
  return new MojaboxError({
    code: 'funds-not-moved',
    kind: 'step',
    message: `funding ${params.name}: central-ledger took the order but the money did not move`,
    found,
    needed: `${decimalOf(unitsOf(params.funds))} ${params.currency} in its settlement account`,
    next: 'docker logs --tail 50 mojabox-central-ledger-handlers-1, then run the same command again',
  })
}

function falseIfUnreachable(error: unknown): false {
  if (isUnreachable(error)) return false
  throw error
}

import { z } from 'zod'
import { MojaboxError } from '../../../bundles/format/error.ts'
import { HUB, type SettlementModel } from './definition.ts'

/** Amounts are whole numbers of ten-thousandths of the currency: central-ledger keeps four decimals, and no float drifts. */
const UNITS_PER_WHOLE = 10_000n
const DEFAULT_TIMEOUT_MS = 10_000

const Participants = z.array(
  z.object({
    name: z.string(),
    accounts: z.array(z.object({ id: z.number(), ledgerAccountType: z.string(), currency: z.string() })),
  }),
)
const Accounts = z.array(
  z.object({
    id: z.number(),
    ledgerAccountType: z.string(),
    currency: z.string(),
    value: z.union([z.number(), z.string()]),
  }),
)
const Limits = z.array(
  z.object({ currency: z.string(), limit: z.object({ type: z.string(), value: z.union([z.number(), z.string()]) }) }),
)
const Endpoints = z.array(z.object({ type: z.string(), value: z.string() }))
const SettlementModels = z.array(z.object({ name: z.string(), currency: z.string().nullish() }))
const Refusal = z.object({ errorInformation: z.object({ errorCode: z.string(), errorDescription: z.string() }) })

export interface LedgerAccount {
  id: number
  /** `POSITION`, `SETTLEMENT`, `HUB_RECONCILIATION` … */
  type: string
  currency: string
  /** Ten-thousandths; a DFSP's funds stand in its SETTLEMENT account as a negative value. */
  units: bigint
}

export interface Funds {
  participant: string
  account: number
  /** A UUID; central-ledger carries out each only once. */
  transferId: string
  currency: string
  units: bigint
  reason: string
}

/**
 * central-ledger's admin API. Each call throws MojaboxError `ledger-unreachable`, `ledger-refused`, or `ledger-failed` when
 * it is central-ledger that could not (a lock in its database): then the same call again may do.
 */
export interface LedgerApi {
  /** Account types of each participant in that currency, by name; a participant without any is listed too. */
  accountTypes(currency: string): Promise<Map<string, string[]>>
  /** Accounts that have a position yet. */
  accounts(participant: string): Promise<LedgerAccount[]>
  createHubAccount(type: string, currency: string): Promise<void>
  settlementModels(): Promise<string[]>
  createSettlementModel(model: SettlementModel, currency: string): Promise<void>
  createParticipant(name: string, currency: string): Promise<void>
  /** Also opens the accounts. */
  setInitialPosition(participant: string, currency: string, netDebitCap: bigint): Promise<void>
  netDebitCap(participant: string, currency: string): Promise<bigint | undefined>
  setNetDebitCap(participant: string, currency: string, netDebitCap: bigint): Promise<void>
  /** Where the participant wants to be called, by kind of message. */
  endpoints(participant: string): Promise<Map<string, string>>
  /** Replaces the one of that kind. */
  setEndpoint(participant: string, type: string, value: string): Promise<void>
  /** Queued only: the handler moves the funds later, or never. */
  recordFundsIn(funds: Funds): Promise<void>
  /** Queued only. Takes the funds off the account, to be committed or aborted. */
  reserveFundsOut(funds: Funds): Promise<void>
  /** Queued only. */
  commitFundsOut(funds: Funds): Promise<void>
}

export interface LedgerApiOptions {
  /** For example `http://127.0.0.1:3001`. */
  url: string
  signal: AbortSignal
  /** For each call; default 10 000. */
  timeoutMs?: number
}

export function openLedgerApi(options: LedgerApiOptions): LedgerApi {
  const call = caller(options)
  const at = (participant: string, rest = '') => `/participants/${encodeURIComponent(participant)}${rest}`
  const fundsBody = (action: string, funds: Funds) => ({
    transferId: funds.transferId,
    externalReference: 'mojabox',
    action,
    reason: funds.reason,
    amount: { amount: decimalOf(funds.units), currency: funds.currency },
  })

  return {
    async accountTypes(currency) {
      const participants = await call('GET', '/participants', Participants)
      const typesOf = (accounts: { ledgerAccountType: string; currency: string }[]) =>
        accounts.filter((account) => account.currency === currency).map((account) => account.ledgerAccountType)
      return new Map(participants.map(({ name, accounts }) => [name, typesOf(accounts)]))
    },
    async accounts(participant) {
      const accounts = await call('GET', at(participant, '/accounts'), Accounts)
      return accounts.map(({ id, ledgerAccountType, currency, value }) => ({
        id,
        type: ledgerAccountType,
        currency,
        units: unitsOf(value),
      }))
    },
    createHubAccount: (type, currency) =>
      call('POST', at(HUB, '/accounts'), z.unknown(), { type, currency }).then(nothing),
    settlementModels: async () => (await call('GET', '/settlementModels', SettlementModels)).map(({ name }) => name),
    createSettlementModel: (model, currency) =>
      call('POST', '/settlementModels', z.unknown(), { ...model, currency }).then(nothing),
    createParticipant: (name, currency) => call('POST', '/participants', z.unknown(), { name, currency }).then(nothing),
    setInitialPosition: (participant, currency, netDebitCap) =>
      call('POST', at(participant, '/initialPositionAndLimits'), z.unknown(), {
        currency,
        limit: { type: 'NET_DEBIT_CAP', value: decimalOf(netDebitCap) },
        initialPosition: 0,
      }).then(nothing),
    async netDebitCap(participant, currency) {
      const path = at(participant, `/limits?currency=${encodeURIComponent(currency)}&type=NET_DEBIT_CAP`)
      const [found] = await call('GET', path, Limits)
      return found && unitsOf(found.limit.value)
    },
    setNetDebitCap: (participant, currency, netDebitCap) =>
      call('PUT', at(participant, '/limits'), z.unknown(), {
        currency,
        limit: { type: 'NET_DEBIT_CAP', value: decimalOf(netDebitCap), alarmPercentage: 10 },
      }).then(nothing),
    async endpoints(participant) {
      const endpoints = await call('GET', at(participant, '/endpoints'), Endpoints)
      return new Map(endpoints.map(({ type, value }) => [type, value]))
    },
    setEndpoint: (participant, type, value) =>
      call('POST', at(participant, '/endpoints'), z.unknown(), { type, value }).then(nothing),
    recordFundsIn: (funds) =>
      call(
        'POST',
        at(funds.participant, `/accounts/${funds.account}`),
        z.unknown(),
        fundsBody('recordFundsIn', funds),
      ).then(nothing),
    reserveFundsOut: (funds) =>
      call(
        'POST',
        at(funds.participant, `/accounts/${funds.account}`),
        z.unknown(),
        fundsBody('recordFundsOutPrepareReserve', funds),
      ).then(nothing),
    commitFundsOut: (funds) =>
      call('PUT', at(funds.participant, `/accounts/${funds.account}/transfers/${funds.transferId}`), z.unknown(), {
        action: 'recordFundsOutCommit',
        reason: funds.reason,
      }).then(nothing),
  }
}

/** Nobody answers at the API's address: what is asked for is not there yet, rather than wrong. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof MojaboxError && error.facts.code === 'ledger-unreachable'
}

/** `12.5` → 125000n. @throws MojaboxError `ledger-refused` for anything that is not a decimal of at most four places */
export function unitsOf(value: number | string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d{1,4})0*)?$/.exec(String(value))
  if (!match) {
    throw new MojaboxError({
      code: 'ledger-refused',
      kind: 'step',
      message: 'reading an amount: central-ledger gives one that is no exact decimal',
      found: String(value),
      needed: 'at most four decimals',
    })
  }
  const [, sign, whole = '0', fraction = ''] = match
  const units = BigInt(whole) * UNITS_PER_WHOLE + BigInt(fraction.padEnd(4, '0'))
  return sign ? -units : units
}

/** 125000n → `12.5` */
export function decimalOf(units: bigint): string {
  const sign = units < 0n ? '-' : ''
  const size = units < 0n ? -units : units
  const fraction = (size % UNITS_PER_WHOLE).toString().padStart(4, '0').replace(/0+$/, '')
  return `${sign}${size / UNITS_PER_WHOLE}${fraction && `.${fraction}`}`
}

type Call = <T>(method: string, path: string, schema: z.ZodType<T>, body?: unknown) => Promise<T>

function caller({ url, signal, timeoutMs = DEFAULT_TIMEOUT_MS }: LedgerApiOptions): Call {
  return async (method, path, schema, body) => {
    const request: RequestInit = { method, signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) }
    if (body !== undefined) {
      request.headers = { 'content-type': 'application/json' }
      request.body = JSON.stringify(body)
    }
    const { status, text } = await exchange(`${url}${path}`, request).catch((error: unknown) => {
      signal.throwIfAborted()
      throw unreachable(url, method, path, timeoutMs, error)
    })
    if (status >= 400) throw refused(method, path, status, text, body)
    const read = schema.safeParse(json(text))
    if (!read.success)
      throw refused(method, path, status, `an answer of another shape: ${z.prettifyError(read.error)}`, body)
    return read.data
  }
}

async function exchange(url: string, request: RequestInit): Promise<{ status: number; text: string }> {
  const response = await fetch(url, request)
  return { status: response.status, text: await response.text() }
}

function json(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return text
  }
}

function nothing(): void {}

function unreachable(url: string, method: string, path: string, timeoutMs: number, error: unknown): MojaboxError {
  const timedOut = error instanceof Error && error.name === 'TimeoutError'
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const reason = cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : String(cause)
  return new MojaboxError(
    {
      code: 'ledger-unreachable',
      kind: 'step',
      message: `asking central-ledger: ${method} ${path}: ${url} does not answer`,
      found: timedOut ? `no answer in ${timeoutMs / 1000} s` : reason,
      needed: 'an answer of the admin API',
      next: 'docker ps --all --filter name=central-ledger',
    },
    { cause: error },
  )
}

function refused(method: string, path: string, status: number, text: string, body: unknown): MojaboxError {
  const read = Refusal.safeParse(json(text))
  const words = read.success
    ? `${read.data.errorInformation.errorCode} ${read.data.errorInformation.errorDescription}`
    : text.slice(0, 300)
  return new MojaboxError({
    code: status >= 500 ? 'ledger-failed' : 'ledger-refused',
    kind: 'step',
    message: `asking central-ledger: ${method} ${path}: ${words}`,
    found: `status ${status}: ${words}`,
    needed: `central-ledger to accept ${body === undefined ? 'the question' : JSON.stringify(body)}`,
    next: 'docker logs --tail 50 mojabox-central-ledger-1',
  })
}

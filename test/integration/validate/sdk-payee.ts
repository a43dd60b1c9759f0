import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type LedgerApi, unitsOf } from '../../../agent/deployments/core-test-harness/ledger-api.ts'
import { createRunCommand } from '../../../agent/runtimes/command.ts'
import { listContainers } from '../../../agent/validate/containers.ts'
import { Callbacks } from '../../../agent/validate/fspiop/callbacks.ts'
import { Dfsp, type Line } from '../../../agent/validate/fspiop/dfsp.ts'
import { waitFor } from '../../lab/wait.ts'
import { HubStack } from './hub-stack.ts'

const ADAPTER = 'http://sdk-scheme-adapter:4000'
const PAYEE = 'mojaboxpayee'
const NUMBER = '99900000002'
/** ml-api-adapter and account-lookup-service remember an endpoint that long, as they are configured here. */
const ENDPOINTS_KEPT_MS = 6_000

export interface PaidToSdk {
  party: unknown
  condition: string
  outcome: { transferState: string; fulfilment: string }
}

/** The hub takes the adapter for the payee's DFSP from now on, until somebody tells it otherwise. */
export async function putAdapterInPlace(hub: HubStack, ledger: LedgerApi): Promise<void> {
  await hub.composed(['--profile', 'sdk', 'up', '--detach', 'sdk-backend', 'sdk-scheme-adapter'])
  // It takes seconds to load, and nobody tells it twice.
  await waitFor('the adapter to answer', adapterAnswers, { timeoutMs: 60_000, intervalMs: 500 })
  for (const [type, value] of await ledger.endpoints(PAYEE)) {
    const path = new URL(value).pathname.replace(`/${PAYEE}`, '')
    await ledger.setEndpoint(PAYEE, type, ADAPTER + decodeURIComponent(path))
  }
  await delay(ENDPOINTS_KEPT_MS)
}

async function adapterAnswers(): Promise<boolean> {
  const containers = await listContainers(createRunCommand(new AbortController().signal), HubStack.project)
  const { address } = containers.find(({ service }) => service === 'sdk-scheme-adapter') ?? {}
  const response = await fetch(`http://${address}:4000/`, { signal: AbortSignal.timeout(2_000) })
  await response.body?.cancel()
  return true
}

/** mojabox's payer looks up, agrees with and pays somebody at the adapter; every message signed. */
export async function payTheAdapter(hub: HubStack, amount: string): Promise<PaidToSdk> {
  const signal = new AbortController().signal
  const containers = await listContainers(createRunCommand(signal), HubStack.project)
  const found = (service: string) => containers.find((container) => container.service === service)
  const callbacks = await Callbacks.listen(found('kafka')?.gateway ?? '', hub.ports.callbacks ?? 0, ['mojaboxpayer'])
  const services = {
    participants: ['account-lookup-service', 4002],
    parties: ['account-lookup-service', 4002],
    quotes: ['quoting-service', 3002],
    transfers: ['ml-api-adapter', 3000],
  } as const
  const line: Line = {
    context: {
      signal,
      moved: () => {},
      times: {
        healthMs: 0,
        settleMs: 0,
        fundsMs: 0,
        callbackMs: 15_000,
        movedMs: 0,
        expiryMs: 0,
        timeoutMs: 0,
        lookMs: 0,
      },
    },
    callbacks,
    serviceOf: (resource) => {
      const [service, port] = services[resource]
      return { service, url: `http://${found(service)?.address}:${port}` }
    },
  }
  const dfsp = (name: string) => {
    const own = hub.signingKeys.get(name)
    if (!own) throw new Error(`no key of ${name}`)
    return new Dfsp(name, line, { own, of: (other) => hub.signingKeys.get(other) })
  }
  try {
    return await pay(dfsp('mojaboxpayer'), dfsp(PAYEE), amount)
  } finally {
    await callbacks.close()
  }
}

async function pay(payer: Dfsp, payee: Dfsp, amount: string): Promise<PaidToSdk> {
  const money = { amount, currency: 'USD' }
  await payee.send({ method: 'POST', path: `/participants/MSISDN/${NUMBER}`, body: { fspId: PAYEE, currency: 'USD' } })
  // The hub's answer on the number goes to the adapter, so the payer asks until it is known.
  const party = await waitFor('the hub to find the number', () => lookUp(payer), { timeoutMs: 30_000, intervalMs: 250 })
  const [quoteId, transactionId, transferId] = [randomUUID(), randomUUID(), randomUUID()]
  const idOf = (fspId: string) => ({ partyIdInfo: { partyIdType: 'MSISDN', partyIdentifier: NUMBER, fspId } })
  const transactionType = { scenario: 'TRANSFER', initiator: 'PAYER', initiatorType: 'CONSUMER' }
  const parties = { payer: idOf('mojaboxpayer'), payee: idOf(PAYEE) }
  const quote = { quoteId, transactionId, ...parties, amountType: 'SEND', amount: money, transactionType }
  await payer.send({ method: 'POST', path: '/quotes', destination: PAYEE, body: quote })
  const offer = (await payer.receives({ method: 'PUT', path: `/quotes/${quoteId}` })) as {
    ilpPacket: string
    condition: string
  }
  const { ilpPacket, condition } = offer
  const expiration = new Date(Date.now() + 30_000).toISOString()
  const order = {
    transferId,
    payerFsp: 'mojaboxpayer',
    payeeFsp: PAYEE,
    amount: money,
    ilpPacket,
    condition,
    expiration,
  }
  await payer.send({ method: 'POST', path: '/transfers', destination: PAYEE, body: order })
  const outcome = (await payer.receives({ method: 'PUT', path: `/transfers/${transferId}` })) as PaidToSdk['outcome']
  await payee.send({ method: 'DELETE', path: `/participants/MSISDN/${NUMBER}` })
  return { party, condition, outcome }
}

async function lookUp(payer: Dfsp): Promise<unknown> {
  await payer.send({ method: 'GET', path: `/parties/MSISDN/${NUMBER}` })
  return payer.receives({ method: 'PUT', path: `/parties/MSISDN/${NUMBER}` })
}

/** In ten-thousandths. */
export async function positionOf(ledger: LedgerApi, name: string): Promise<bigint> {
  return (await ledger.accounts(name)).find(({ type }) => type === 'POSITION')?.units ?? unitsOf(0)
}

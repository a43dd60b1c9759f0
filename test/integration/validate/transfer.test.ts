import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Report } from '../../../agent/contract/report.ts'
import { decimalOf, type LedgerApi, openLedgerApi } from '../../../agent/deployments/core-test-harness/ledger-api.ts'
import { fulfils } from '../../../agent/validate/fspiop/ilp.ts'
import { dfspProfile } from './dfsp-services.ts'
import { findCompose, HubStack } from './hub-stack.ts'
import { payTheAdapter, positionOf, putAdapterInPlace } from './sdk-payee.ts'

/** Needs the lab's images (`node test/lab/lab.ts setup`) and Compose v2, which `MOJABOX_COMPOSE` may name. */
const compose = await findCompose()
const TRANSFER = { levels: ['transfer'] }
/** Short, where nothing is going to come. */
const IMPATIENT = { ...TRANSFER, times: { callbackMs: 6_000, timeoutMs: 25_000 } }

describe.skipIf(compose === undefined)('DFSPs at a real central-ledger', { timeout: 240_000 }, () => {
  let hub: HubStack
  beforeAll(async () => {
    hub = await HubStack.start(compose ?? [], 'dfsps', { own: dfspProfile, checksSignatures: true })
    await hub.provision()
    await recovered(hub)
  })
  afterAll(() => hub?.remove())

  it('pay each other again and again, and nothing is left of it', async () => {
    const before = await accountsOf(hub)
    for (let round = 0; round < 3; round += 1) expect(notPassed(await hub.validate(TRANSFER))).toEqual([])
    expect(await accountsOf(hub)).toEqual(before)
  })

  it('pass at every level, each call and callback told', async () => {
    const levels = await hub.validate()
    expect(notPassed(levels)).toEqual([])
    const told = levels
      .at(-1)
      ?.movements.map(({ from, to, what, outcome }) => `${from} > ${to}: ${shortened(what)} = ${outcome}`)
    expect(told).toEqual(
      expect.arrayContaining([
        'mojaboxpayer > account-lookup-service: GET /parties = 202',
        'account-lookup-service > mojaboxpayee: GET /parties = received',
        'mojaboxpayer > quoting-service: POST /quotes = 202',
        'mojaboxpayer > ml-api-adapter: POST /transfers = 202',
        'ml-api-adapter-handler-notification > mojaboxpayee: POST /transfers = received',
        'ml-api-adapter-handler-notification > mojaboxpayer: PUT /transfers = COMMITTED',
        'ml-api-adapter-handler-notification > mojaboxpayee: PATCH /transfers = COMMITTED',
        expect.stringMatching(/ml-api-adapter-handler-notification > mojaboxpayer: PUT \/transfers = 4001 /),
        expect.stringMatching(/ml-api-adapter-handler-notification > mojaboxpayer: PUT \/transfers = 3106 /),
        expect.stringMatching(/ml-api-adapter-handler-notification > mojaboxpayer: PUT \/transfers = 3303 /),
      ]),
    )
  })

  it.each([
    ['ml-api-adapter-handler-notification', 'transfer:transfer', 'ml-api-adapter-handler-notification'],
    ['central-ledger-handlers', 'transfer:transfer', 'central-ledger-handlers'],
    ['quoting-service-handler', 'transfer:agreement', 'quoting-service'],
    ['als-msisdn-oracle-svc', 'transfer:discovery', 'account-lookup-service'],
  ])('name the service when %s is stopped', async (stopped, id, subject) => {
    const before = await accountsOf(hub)
    await hub.docker('stop', stopped)
    const levels = await hub.validate(IMPATIENT)
    await hub.docker('start', stopped)
    expect(failures(levels)).toEqual([{ id, subject }])
    await recovered(hub)
    // What was set aside when it stopped is back at the latest when that has expired.
    await expect.poll(() => accountsOf(hub), { timeout: 60_000, interval: 1_000 }).toEqual(before)
  })

  it('pay somebody at Mojaloop’s own adapter, which checks what they sign', async () => {
    const before = await accountsOf(hub)
    const ledger = ledgerOf(hub)
    await putAdapterInPlace(hub, ledger)
    const { party, condition, outcome } = await payTheAdapter(hub, '3.21')
    expect(party).toMatchObject({ party: { partyIdInfo: { fspId: 'mojaboxpayee' } } })
    expect(outcome.transferState).toBe('COMMITTED')
    expect(fulfils(outcome.fulfilment, condition)).toBe(true)
    expect(decimalOf(await positionOf(ledger, 'mojaboxpayer'))).toBe('3.21')
    expect(decimalOf(await positionOf(ledger, 'mojaboxpayee'))).toBe('-3.21')
    await recovered(hub)
    expect(await accountsOf(hub)).toEqual(before)
  })
})

function shortened(what: string): string {
  return what.split('/').slice(0, 2).join('/')
}

function ledgerOf(hub: HubStack): LedgerApi {
  const url = `http://127.0.0.1:${hub.ports['central-ledger']}`
  return openLedgerApi({ url, signal: new AbortController().signal })
}

/** Positions and balances of the two test DFSPs. */
async function accountsOf(hub: HubStack): Promise<string[]> {
  const ledger = ledgerOf(hub)
  const names = hub.definition.provisioning.participants.map(({ name }) => name)
  const accounts = await Promise.all(names.map(async (name) => ({ name, accounts: await ledger.accounts(name) })))
  return accounts.flatMap((each) => each.accounts.map(({ type, units }) => `${each.name} ${type} ${decimalOf(units)}`))
}

function notPassed(levels: Report['levels']) {
  return levels.flatMap(({ cases }) => cases.filter(({ status }) => status !== 'pass'))
}

function failures(levels: Report['levels']) {
  const failed = notPassed(levels).filter(({ status }) => status === 'fail')
  return failed.map(({ id, subject }) => ({ id, subject }))
}

async function recovered(hub: HubStack): Promise<void> {
  const until = Date.now() + 90_000
  for (;;) {
    const levels = await hub.validate()
    if (notPassed(levels).length === 0) return
    if (Date.now() > until) expect(notPassed(levels)).toEqual([])
  }
}

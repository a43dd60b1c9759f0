import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SettlementModel } from '../../../agent/deployments/core-test-harness/definition.ts'
import { hubAccounts } from '../../../agent/engine/steps/hub-accounts.ts'
import { type ParticipantParams, participantWith } from '../../../agent/engine/steps/participant.ts'
import { settlementModel } from '../../../agent/engine/steps/settlement-model.ts'
import { FakeKafka } from './fake-kafka.ts'
import { FakeLedger } from './fake-ledger.ts'
import { stepContext } from './step-context.ts'

let ledger: FakeLedger
beforeEach(async () => {
  ledger = new FakeLedger()
  await ledger.listen()
})
afterEach(() => ledger.close())

const changes = () => ledger.requests.filter((request) => !request.startsWith('GET'))

describe('hub accounts', () => {
  const params = () => ({
    url: ledger.url,
    currency: 'USD',
    accounts: ['HUB_MULTILATERAL_SETTLEMENT', 'HUB_RECONCILIATION'],
  })

  it('opens those that are missing, in their order, and then none', async () => {
    expect(await hubAccounts.isDone(stepContext(), params())).toBe(false)
    await hubAccounts.apply(stepContext(), params())
    expect(ledger.accountNames()).toEqual(['Hub HUB_MULTILATERAL_SETTLEMENT USD', 'Hub HUB_RECONCILIATION USD'])
    expect(await hubAccounts.isDone(stepContext(), params())).toBe(true)
    await hubAccounts.apply(stepContext(), params())
    expect(changes()).toHaveLength(2)
  })

  it('keeps currencies apart', async () => {
    await hubAccounts.apply(stepContext(), params())
    expect(await hubAccounts.isDone(stepContext(), { ...params(), currency: 'EUR' })).toBe(false)
  })

  it('is not done while nobody answers', async () => {
    expect(await hubAccounts.isDone(stepContext(), { ...params(), url: 'http://127.0.0.1:1' })).toBe(false)
  })
})

it('makes the settlement model of the currency once', async () => {
  const model = { name: 'DEFERREDNET{{currency}}' } as SettlementModel
  const params = { url: ledger.url, currency: 'USD', model }
  expect(settlementModel.describe(params)).toContain('DEFERREDNETUSD')
  expect(await settlementModel.isDone(stepContext(), params)).toBe(false)
  await settlementModel.apply(stepContext(), params)
  await settlementModel.apply(stepContext(), params)
  expect(ledger.settlementModels).toEqual(['DEFERREDNETUSD'])
  expect(await settlementModel.isDone(stepContext(), params)).toBe(true)
})

describe('a test DFSP', () => {
  const kafka = new FakeKafka()
  kafka.partitionsOf.set('topic-admin-transfer', 1)
  const step = participantWith(kafka.open, { usualMs: 300, longestMs: 1_500, graceMs: 100 })
  const params = (): ParticipantParams => ({
    url: ledger.url,
    name: 'mojaboxpayer',
    currency: 'USD',
    netDebitCap: 1000,
    funds: 500,
    fundsIn: { brokers: [], group: 'cl-group-transfer-admin', topic: 'topic-admin-transfer' },
  })
  beforeEach(() =>
    hubAccounts.apply(stepContext(), { url: ledger.url, currency: 'USD', accounts: ['HUB_RECONCILIATION'] }),
  )

  it('comes with limit and funds; a second run moves nothing', async () => {
    expect(await step.isDone(stepContext(), params())).toBe(false)
    await step.apply(stepContext(), params())
    expect(await step.isDone(stepContext(), params())).toBe(true)
    expect(ledger.funds('mojaboxpayer', 'USD')).toBe(5_000_000n)
    await step.apply(stepContext(), params())
    expect(ledger.transfers.size).toBe(1)
  })

  it('goes on where a run stopped: created, but without limit and funds', async () => {
    await fetch(`${ledger.url}/participants`, { method: 'POST', body: '{"name":"mojaboxpayer","currency":"USD"}' })
    await step.apply(stepContext(), params())
    expect(await step.isDone(stepContext(), params())).toBe(true)
  })

  it('changes a limit that is not the wanted one, and tops up what is short', async () => {
    ledger.addParticipant('mojaboxpayer', 'USD', 1_234_500n)
    ledger.limits.set('mojaboxpayer USD', '7')
    await step.apply(stepContext(), params())
    expect(ledger.limits.get('mojaboxpayer USD')).toBe('1000')
    expect(ledger.funds('mojaboxpayer', 'USD')).toBe(5_000_000n)
    expect([...ledger.transfers.values()][0]?.units).toBe(3_765_500n)
  })

  it('leaves more funds than wanted alone', async () => {
    ledger.addParticipant('mojaboxpayer', 'USD', 9_000_000n)
    expect(await step.isDone(stepContext(), params())).toBe(true)
  })

  it('repeats the same transfer after a crash, so that the money moves once', async () => {
    ledger.handling = false
    kafka.unread.set('cl-group-transfer-admin topic-admin-transfer', [1n])
    await expect(step.apply(stepContext(), params())).rejects.toMatchObject({ facts: { code: 'funds-not-moved' } })
    ledger.handling = true
    kafka.unread.clear()
    await step.apply(stepContext(), params())
    expect(ledger.transfers.size).toBe(1)
    expect(ledger.funds('mojaboxpayer', 'USD')).toBe(5_000_000n)
  })

  it('takes another transfer only when the first was read and moved nothing', async () => {
    ledger.onOrder = (order) => {
      if (ledger.burned.size === 0) ledger.burned.add(order.transferId)
    }
    const context = stepContext()
    await step.apply(context, params())
    expect(context.notes).toHaveLength(1)
    expect(ledger.funds('mojaboxpayer', 'USD')).toBe(5_000_000n)
  })

  it('uses other transfers on another site', async () => {
    const ids: string[] = []
    ledger.onOrder = ({ transferId }) => ids.push(transferId)
    await step.apply(stepContext('kigali'), params())
    await step.apply(stepContext('lusaka'), { ...params(), funds: 900 })
    expect(new Set(ids).size).toBe(2)
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  decimalOf,
  isUnreachable,
  openLedgerApi,
  unitsOf,
} from '../../../agent/deployments/core-test-harness/ledger-api.ts'
import { FakeLedger } from './fake-ledger.ts'

const signal = new AbortController().signal

describe('amounts', () => {
  it.each([
    [0, 0n, '0'],
    [12.5, 125_000n, '12.5'],
    ['-10000.0100', -100_000_100n, '-10000.01'],
    ['99999999999999.9999', 999_999_999_999_999_999n, '99999999999999.9999'],
    [0.1 + 0.7, undefined, ''],
    ['1e21', undefined, ''],
    ['', undefined, ''],
  ])('reads %s exactly or not at all', (value, units, decimal) => {
    if (units === undefined) return expect(() => unitsOf(value)).toThrow('no exact decimal')
    expect(unitsOf(value)).toBe(units)
    return expect(decimalOf(units)).toBe(decimal)
  })
})

describe('the admin API', () => {
  const ledger = new FakeLedger()
  beforeEach(() => ledger.listen())
  afterEach(() => ledger.close())

  it('says in central-ledger’s own words why it refuses', async () => {
    const refused = openLedgerApi({ url: ledger.url, signal }).createParticipant('mojaboxpayer', 'USD')
    await expect(refused).rejects.toMatchObject({
      facts: { code: 'ledger-refused', found: expect.stringContaining('3003 Add Party information error') },
    })
  })

  it('tells an API that is not there from one that refuses', async () => {
    const api = openLedgerApi({ url: ledger.url, signal })
    const refusal = await api.accounts('nobody').catch((error: unknown) => error)
    expect(isUnreachable(refusal)).toBe(false)
    const nobody = openLedgerApi({ url: 'http://127.0.0.1:1', signal })
    const absence = await nobody.accounts('Hub').catch((error: unknown) => error)
    expect(isUnreachable(absence)).toBe(true)
  })

  it('stops when the run is interrupted', async () => {
    const interrupted = AbortSignal.abort(new Error('enough'))
    await expect(openLedgerApi({ url: ledger.url, signal: interrupted }).settlementModels()).rejects.toThrow('enough')
  })
})

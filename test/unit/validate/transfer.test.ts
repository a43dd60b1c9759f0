import { generateKeyPairSync } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { transfer } from '../../../agent/validate/cases/transfer.ts'
import { signableJson, signatureFault } from '../../../agent/validate/fspiop/jws.ts'
import type { SigningKeys } from '../../../agent/validate/transfer/session.ts'
import { FakeHub } from './fake-hub.ts'

const ALL = ['endpoints', 'discovery', 'agreement', 'transfer', 'duplicate', 'liquidity', 'refund', 'timeout', 'once']

let hub: FakeHub
beforeEach(async () => {
  hub = new FakeHub()
  await hub.ledger.listen()
  await hub.openToDfsps()
})
afterEach(async () => {
  await hub.ledger.close()
  await hub.switch.close()
})

const run = () => transfer.run(hub.context())
const statuses = async () => (await run()).map(({ id, status }) => `${id.replace('transfer:', '')} ${status}`)
const positions = () => ['mojaboxpayer', 'mojaboxpayee'].map((name) => hub.ledger.position(name, 'USD'))
/** What a fault should come to: the case of it, and who is to be looked at. */
const failures = async () =>
  (await run())
    .filter(({ status }) => status === 'fail')
    .map(({ id, subject }) => `${id.replace('transfer:', '')}: ${subject}`)

describe('a hub that is well', () => {
  it('passes again and again, and its positions end where they began', async () => {
    for (let round = 0; round < 3; round += 1) {
      expect((await run()).filter(({ status }) => status !== 'pass')).toEqual([])
      expect(positions()).toEqual([0n, 0n])
    }
  })

  it('is asked in this order', async () => {
    expect(await statuses()).toEqual(ALL.map((stage) => `${stage} pass`))
  })

  it('is told where the test DFSPs listen, and only when that has changed', async () => {
    const told = () =>
      hub.ledger.requests.filter((request) => request.startsWith('POST') && request.endsWith('/endpoints'))
    await run()
    expect(told()).toHaveLength(18)
    expect([...hub.ledger.endpoints.values()].every((value) => value.startsWith('http://127.0.0.1:'))).toBe(true)
  })

  it('is given the time to forget where they listened before', async () => {
    hub.switch.keepsEndpointsMs = 700
    for (let round = 0; round < 2; round += 1) expect(await statuses()).toEqual(ALL.map((stage) => `${stage} pass`))
  })

  it('is told again where its table was locked, but not for ever', async () => {
    hub.ledger.locks = 2
    expect(await statuses()).toEqual(ALL.map((stage) => `${stage} pass`))
    hub.ledger.endpoints.clear()
    hub.ledger.locks = 100
    expect((await run())[0]).toMatchObject({ id: 'transfer:endpoints', status: 'fail', subject: 'ledger' })
  })

  it('sees both ways of answering a transfer, and both versions of FSPIOP', async () => {
    await run()
    const orders = hub.switch.requests.filter(({ method, path }) => method === 'PUT' && path.startsWith('/transfers'))
    expect(orders.map(({ body, headers }) => [body.transferState, headers['content-type']?.split('=')[1]])).toEqual([
      ['RESERVED', '1.1'],
      ['COMMITTED', '2.0'],
    ])
  })

  it('keeps nothing: neither the number of the lookup nor a transfer under way', async () => {
    await run()
    expect([...hub.switch.parties]).toEqual([])
    expect(hub.switch.oracles).toEqual(['http://oracle:3000'])
    expect([...hub.switch.transfers.values()].map(({ states }) => states.at(-1)).sort()).toEqual([
      'ABORTED_REJECTED',
      'COMMITTED',
      'COMMITTED',
      'EXPIRED_RESERVED',
    ])
  })

  it('has each call and callback told, with what came of it', async () => {
    await run()
    const told = hub.moved.map(
      ({ from, to, what, outcome }) => `${from} > ${to}: ${what.split('/').slice(0, 2).join('/')} = ${outcome}`,
    )
    expect(told).toEqual(
      expect.arrayContaining([
        'mojaboxpayer > adapter: POST /quotes = 202',
        'adapter > mojaboxpayee: POST /transfers = received',
        'adapter > mojaboxpayer: PUT /transfers = COMMITTED',
        'adapter > mojaboxpayee: PATCH /transfers = COMMITTED',
        'adapter > mojaboxpayer: PUT /transfers = 4001 Payer FSP insufficient liquidity',
        'adapter > mojaboxpayer: PUT /transfers = 3106 Modified request',
        'adapter > mojaboxpayer: PUT /transfers = 3303 Transfer expired',
      ]),
    )
  })

  it('gets back what a run that was cut short left', async () => {
    hub.ledger.movePosition('mojaboxpayer', 'USD', 12_500n)
    hub.ledger.movePosition('mojaboxpayee', 'USD', -12_500n)
    const refund = (await run()).find(({ id }) => id === 'transfer:refund')
    expect(refund).toMatchObject({ status: 'pass', found: expect.stringContaining('1.25 of an earlier run') })
    expect(positions()).toEqual([0n, 0n])
  })

  it('waits for what a run that was killed has left under way', async () => {
    const left = { order: '', payer: 'mojaboxpayer', payee: 'mojaboxpayee', units: 10_000n, condition: '', changes: [] }
    const transfer = { ...left, states: ['RESERVED'] }
    hub.switch.transfers.set('left', transfer)
    hub.ledger.movePosition('mojaboxpayer', 'USD', 10_000n)
    setTimeout(() => {
      transfer.states.push('EXPIRED_RESERVED')
      hub.ledger.movePosition('mojaboxpayer', 'USD', -10_000n)
    }, 50)
    expect((await run()).filter(({ status }) => status !== 'pass')).toEqual([])
    expect(positions()).toEqual([0n, 0n])
  })

  it('may have positions that are somebody else’s doing', async () => {
    hub.ledger.movePosition('mojaboxpayee', 'USD', 20_000n)
    expect((await run()).every(({ status }) => status === 'pass')).toBe(true)
    expect(positions()).toEqual([0n, 20_000n])
  })
})

describe('a profile', () => {
  it('without ml-api-adapter has one case, which says so', async () => {
    hub.fspiop = undefined
    expect(await run()).toMatchObject([{ status: 'skip', found: 'left out: the profile has no ml-api-adapter' }])
    expect(hub.ledger.requests).toEqual([])
  })

  it('with ml-api-adapter alone has the transfer, and names what is left out', async () => {
    if (hub.fspiop?.transfers) hub.fspiop = { transfers: hub.fspiop.transfers, callbacksPort: 3999, jws: false }
    const cases = await run()
    expect(cases.filter(({ status }) => status === 'skip').map(({ found }) => found)).toEqual([
      'left out: the profile has no account-lookup-service and no oracle',
      'left out: the profile has no quoting-service',
    ])
    expect(cases.filter(({ status }) => status === 'pass')).toHaveLength(7)
  })

  it('that is known to be broken is left in peace', async () => {
    hub.failed = ['kafka']
    const cases = await run()
    expect(new Set(cases.map(({ found }) => found))).toEqual(new Set(['not tried: kafka failed']))
    expect(hub.switch.requests).toEqual([])
  })
})

describe('a hub that is broken', () => {
  it('names who delivers when nothing is delivered', async () => {
    hub.switch.delivers = false
    expect(await failures()).toEqual(['discovery: adapter', 'agreement: adapter', 'transfer: adapter'])
    expect(positions()[1]).toBe(0n)
  })

  it('gives up a transfer that is stuck, so that what was set aside comes back', async () => {
    hub.switch.delivers = false
    await run()
    expect(positions()).toEqual([0n, 0n])
  })

  it('names the firewall when containers cannot reach this machine', async () => {
    hub.switch.delivers = false
    hub.walledOff = true
    const found = (await run()).find(({ id }) => id === 'transfer:transfer')
    expect(found).toMatchObject({ status: 'fail', subject: 'host firewall' })
    expect(found?.found).toMatch(
      /the ledger says RESERVED.*cannot reach this machine at 127\.0\.0\.1:\d+.*iptables -I INPUT/,
    )
  })

  it('names the ledger’s handlers by how far a transfer got', async () => {
    hub.switch.handles.prepare = false
    expect(await failures()).toEqual(['transfer: ledger'])
    hub.switch.handles = { prepare: true, fulfil: false, timeout: true }
    const found = (await run()).find(({ status }) => status === 'fail')
    expect(found).toMatchObject({
      id: 'transfer:transfer',
      found: expect.stringContaining('nobody read the fulfilment'),
    })
  })

  it('fails when a transfer that nobody answers stays', async () => {
    hub.switch.handles.timeout = false
    const found = (await run()).find(({ status }) => status === 'fail')
    expect(found).toMatchObject({
      id: 'transfer:timeout',
      found: expect.stringContaining('nobody looked for what has expired'),
    })
  })

  it('fails when one side is not told', async () => {
    hub.switch.onMessage = (method) => method !== 'PATCH'
    const cases = await run()
    expect(cases.find(({ status }) => status === 'fail')).toMatchObject({ id: 'transfer:transfer', subject: 'adapter' })
    expect(cases.find(({ id }) => id === 'transfer:refund')?.status).toBe('pass')
    expect(positions()).toEqual([0n, 0n])
  })

  it('fails when money moves twice', async () => {
    hub.switch.times = 2
    expect((await failures())[0]).toBe('transfer: adapter')
  })

  it('fails when a transfer that nothing covers is carried out', async () => {
    hub.switch.liquidityCheck = false
    expect(await failures()).toEqual(['liquidity: ledger'])
  })

  it('fails when the same transfer is carried out again', async () => {
    hub.switch.duplicateCheck = false
    expect(await failures()).toContain('duplicate: ledger')
  })

  it('fails when the payee’s DFSP is sent another amount', async () => {
    hub.switch.onMessage = (_method, path, body) => {
      if (path === '/transfers') Object.assign(body as object, { amount: { amount: '1', currency: 'USD' } })
      return true
    }
    const found = (await run()).find(({ status }) => status === 'fail')
    expect(found).toMatchObject({ id: 'transfer:transfer', found: 'mojaboxpayee was sent another amount' })
  })

  it('fails when nobody can listen for it', async () => {
    hub.containers = hub.containers.map((found) => ({ ...found, gateway: undefined }))
    const cases = await run()
    expect(cases[0]).toMatchObject({ id: 'transfer:endpoints', status: 'fail' })
    expect(cases.slice(1).every(({ status }) => status === 'skip')).toBe(true)
  })
})

describe('a hub that wants messages signed', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signed = (signingKeys: SigningKeys | undefined) => transfer.run({ ...hub.context(), signingKeys })
  beforeEach(() => {
    if (hub.fspiop) hub.fspiop.jws = true
  })

  it('gets each body signed, and has its own callbacks checked', async () => {
    const keys = new Map(['mojaboxpayer', 'mojaboxpayee', 'Hub'].map((name) => [name, privateKey]))
    const agreement = (await signed(keys)).find(({ id }) => id === 'transfer:agreement')
    // The fake hub signs nothing.
    expect(agreement).toMatchObject({ status: 'fail', found: expect.stringContaining('not signed') })
    const sent = hub.switch.requests.filter(({ body, path }) => body !== undefined && !path.startsWith('/oracles'))
    expect(sent.length).toBeGreaterThan(2)
    for (const { method, path, headers, body } of sent) {
      const message = { method, uri: path, headers: headers as Record<string, string>, body: signableJson(body) }
      expect(signatureFault(message, publicKey)).toBeUndefined()
    }
  })

  it('cannot be tried without keys', async () => {
    expect((await signed(undefined))[0]).toMatchObject({
      id: 'transfer:endpoints',
      status: 'fail',
      found: expect.stringContaining('no key of mojaboxpayer'),
    })
    expect(hub.switch.requests).toEqual([])
  })
})

it('lets its port go, also when it is interrupted', async () => {
  const interrupted = new AbortController()
  hub.switch.delivers = false
  setTimeout(() => interrupted.abort(new Error('enough')), 100)
  const context = { ...hub.context(), callbacksPort: 39_990, signal: interrupted.signal }
  await expect(transfer.run(context)).rejects.toThrow('enough')
  hub.switch.delivers = true
  expect(
    (await transfer.run({ ...hub.context(), callbacksPort: 39_990 })).every(({ status }) => status === 'pass'),
  ).toBe(true)
})

import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ledger } from '../../../agent/validate/cases/ledger.ts'
import { outwardOf, REASON } from '../../../agent/validate/earlier-moves.ts'
import { FakeHub } from './fake-hub.ts'

let hub: FakeHub
beforeEach(async () => {
  hub = new FakeHub()
  await hub.ledger.listen()
})
afterEach(() => hub.ledger.close())

const ALL_PASS = ['ledger:account pass', 'ledger:funds-in pass', 'ledger:funds-out pass', 'ledger:once pass']
const outcome = async () => (await ledger.run(hub.context())).map(({ id, status }) => `${id} ${status}`)

it('moves money in and out and leaves the balance as it was, again and again', async () => {
  for (let round = 0; round < 3; round += 1) {
    expect(await outcome()).toEqual(ALL_PASS)
    expect(hub.ledger.funds('mojaboxpayer', 'USD')).toBe(50_000n)
  }
  expect(hub.ledger.transfers.size).toBe(6)
})

it.each(['recordFundsOutPrepareReserve', 'recordFundsOutCommit'])(
  'finishes what one that was cut short before its %s had begun',
  async (action) => {
    hub.ledger.onOrder = (order) => {
      if (order.action === action) hub.ledger.burned.add(order.transferId)
    }
    expect((await outcome())[2]).toBe('ledger:funds-out fail')
    hub.ledger.onOrder = () => {}
    hub.ledger.burned.clear()
    expect(await outcome()).toEqual(ALL_PASS)
    expect(hub.ledger.funds('mojaboxpayer', 'USD')).toBe(50_000n)
    expect([...hub.ledger.transfers.values()].map(({ states }) => states.at(-1))).not.toContain('RESERVED')
  },
)

it('takes out what an earlier one brought in with that one’s own order, which may only be late', async () => {
  const late: string[] = []
  hub.ledger.onOrder = ({ action, transferId }) => {
    if (action !== 'recordFundsOutPrepareReserve') return
    late.push(transferId)
    hub.ledger.burned.add(transferId)
  }
  await ledger.run(hub.context())
  hub.ledger.burned.clear()
  hub.ledger.onOrder = ({ action, transferId }) => {
    if (action === 'recordFundsOutPrepareReserve') late.push(transferId)
  }
  expect(await outcome()).toEqual(ALL_PASS)
  // Twice by the first, once by the second for it, twice for itself.
  expect([...new Set(late)]).toEqual([late[0], late.at(-1)])
  expect(hub.ledger.transfers.size).toBe(4)
})

it('says that it is an earlier one that it cannot finish', async () => {
  hub.ledger.transfers.set('in', { account: 2, units: 10_000n, states: ['COMMITTED'], changes: [-10_000n] })
  hub.ledger.handling = false
  const [account] = await ledger.run(hub.context())
  const found = expect.stringMatching(/^finishing an earlier validation: still 5 after/)
  expect(account).toMatchObject({ id: 'ledger:account', status: 'fail', found })
})

it('measures from the balance that it finds once the earlier orders have been read', async () => {
  const { ledger: api } = hub.context()
  const inward = randomUUID()
  const about = { participant: 'mojaboxpayer', account: 2, currency: 'USD', units: 10_000n, reason: REASON }
  await api.recordFundsIn({ ...about, transferId: inward })
  hub.ledger.work()
  hub.ledger.handling = false
  await api.reserveFundsOut({ ...about, transferId: outwardOf(inward) })
  const lag = hub.kafka.lag.bind(hub.kafka)
  hub.kafka.lag = async (...asked) => {
    hub.ledger.handling = true
    hub.ledger.work()
    return lag(...asked)
  }
  expect(await outcome()).toEqual(ALL_PASS)
  expect(hub.ledger.funds('mojaboxpayer', 'USD')).toBe(50_000n)
})

it('takes nothing out again of what an earlier mojabox took out under a name of its own', async () => {
  hub.ledger.transfers.set('in', { account: 2, units: 1n, states: ['COMMITTED'], changes: [-10_000n] })
  hub.ledger.transfers.set('out', { account: 2, units: 1n, states: ['COMMITTED'], changes: [10_000n] })
  expect(await outcome()).toEqual(ALL_PASS)
  expect(hub.ledger.transfers.size).toBe(4)
})

it('touches nothing of earlier ones while orders wait for the handler', async () => {
  hub.ledger.transfers.set('reserved', { account: 2, units: 1n, states: ['RESERVED'], changes: [1n] })
  hub.kafka.unread.set('group-admin topic-admin', [1n])
  await ledger.run(hub.context())
  expect(hub.ledger.transfers.get('reserved')?.states).toEqual(['RESERVED'])
})

it('tells each movement of money, with what came of it', async () => {
  await ledger.run(hub.context())
  expect(hub.moved.map(({ from, to, what, outcome }) => `${from} > ${to}: ${what} = ${outcome}`)).toEqual([
    expect.stringMatching(/^mojabox > ledger: funds in: 1\.\d+ USD, mojaboxpayer = 5 to 6\.\d+ in \d+ ms$/),
    expect.stringMatching(/^mojabox > ledger: funds out, reserved: 1\.\d+ USD, mojaboxpayer = 6\.\d+ to 5 in \d+ ms$/),
    expect.stringMatching(/^mojabox > ledger: funds out, committed: 1\.\d+ USD, mojaboxpayer = 6\.\d+ to 5 in \d+ ms$/),
  ])
})

it('sends every order twice', async () => {
  const sent: string[] = []
  hub.ledger.onOrder = ({ transferId, action }) => sent.push(`${action} ${transferId}`)
  await ledger.run(hub.context())
  const twice = sent.filter((order) => !order.startsWith('recordFundsOutCommit'))
  expect(twice).toHaveLength(4)
  expect(new Set(twice).size).toBe(2)
})

it('names the handler when orders stay where they are', async () => {
  hub.ledger.handling = false
  const cases = await ledger.run(hub.context())
  expect(cases[1]).toMatchObject({ status: 'fail', subject: 'handlers', found: expect.stringContaining('still 5') })
  expect(cases.slice(2).map(({ status }) => status)).toEqual(['skip', 'skip'])
})

it('sees an order that is carried out twice', async () => {
  hub.ledger.carryOutDuplicates = true
  const cases = await ledger.run(hub.context())
  expect(cases.some(({ status }) => status === 'fail')).toBe(true)
})

it('sees an order of the right sum that was carried out in two goes', async () => {
  hub.ledger.onOrder = ({ action }) => {
    if (action !== 'recordFundsOutCommit') return
    for (const transfer of hub.ledger.transfers.values()) if (transfer.changes.length === 1) transfer.changes = [1n, 1n]
  }
  expect((await outcome()).at(-1)).toBe('ledger:once fail')
})

it('sees a wrong amount', async () => {
  hub.ledger.onOrder = (order) => {
    if (order.action === 'recordFundsIn') order.units += 1n
  }
  expect((await outcome())[1]).toBe('ledger:funds-in fail')
})

it('sees an order that is reserved but never committed', async () => {
  hub.ledger.onOrder = (order) => {
    if (order.action === 'recordFundsOutCommit') order.action = 'lost'
  }
  const cases = await ledger.run(hub.context())
  expect(cases[2]).toMatchObject({ status: 'fail', found: expect.stringContaining('RESERVED') })
})

it('fails when the test DFSP is not there', async () => {
  const context = { ...hub.context(), currency: 'EUR' }
  expect((await ledger.run(context))[0]).toMatchObject({ status: 'fail', found: 'it has none' })
})

it('moves nothing in a hub that is known to be broken', async () => {
  hub.failed = ['kafka', 'kafka']
  const cases = await ledger.run(hub.context())
  expect(new Set(cases.map(({ status }) => status))).toEqual(new Set(['skip']))
  expect(cases[0]?.found).toBe('not tried: kafka failed')
  expect(hub.ledger.requests).toEqual([])
})

import { balancesOn, dockerOn, participantsOn } from '../e2e/support/hub.ts'
import { waitFor } from '../lab/wait.ts'

const WITNESS = 'faultwitness'
const FUNDS = 500

/** Funds of the test DFSPs: there, and moved once. */
export const FUNDED = ['mojaboxpayer SETTLEMENT USD -10000', 'mojaboxpayee SETTLEMENT USD -10000']
/** Longer than a validation takes. */
const REST_LIMIT_MS = 30_000

/** What a ledger held before a fault, a line each: participants with when each was made, and their balances. */
export type LedgerContent = readonly string[]

/** Gives the ledger a participant of its own, with money that came in over Kafka. */
export async function fillLedger(node: string): Promise<LedgerContent> {
  const post = async (path: string, body: object) => {
    const script = `fetch('http://127.0.0.1:3001' + process.argv[1], { method: 'POST', headers: { 'content-type': 'application/json' }, body: process.argv[2] })
      .then(async (answer) => { if (!answer.ok) throw new Error(answer.status + ' ' + await answer.text()) })`
    await dockerOn(node, 'exec', 'mojabox-central-ledger-1', 'node', '-e', script, path, JSON.stringify(body))
  }
  await post('/participants', { name: WITNESS, currency: 'USD' })
  const limit = { type: 'NET_DEBIT_CAP', value: 100 }
  await post(`/participants/${WITNESS}/initialPositionAndLimits`, { currency: 'USD', limit, initialPosition: 0 })
  const accounts = JSON.parse(
    await dockerOn(
      node,
      'exec',
      'mojabox-central-ledger-1',
      'wget',
      '-qO-',
      `http://127.0.0.1:3001/participants/${WITNESS}/accounts`,
    ),
  ) as { id: number; ledgerAccountType: string }[]
  const settlement = accounts.find(({ ledgerAccountType }) => ledgerAccountType === 'SETTLEMENT')
  await post(`/participants/${WITNESS}/accounts/${settlement?.id}`, {
    transferId: crypto.randomUUID(),
    externalReference: 'witness',
    action: 'recordFundsIn',
    reason: 'to be there afterwards',
    amount: { amount: `${FUNDS}`, currency: 'USD' },
  })
  const arrived = async () => (await balancesOn(node)).includes(`${WITNESS} SETTLEMENT USD -${FUNDS}`)
  await waitFor('the money of the witness', arrived, { timeoutMs: 30_000 })
  return ledgerContent(node)
}

/**
 * What the ledger has when no money is on its way in it: a validation of the agent's, which may come at any time, moves
 * some and puts it back. What it has for all that when that takes too long.
 */
export async function ledgerContent(node: string): Promise<LedgerContent> {
  let content: LedgerContent = []
  const rests = async () => {
    content = await contentNow(node)
    const total = content.reduce((sum, line) => sum + Number(/ USD (-?[\d.]+)$/.exec(line)?.[1] ?? 0), 0)
    return total === 0 && FUNDED.every((line) => content.includes(line))
  }
  await waitFor('the ledger to rest', rests, { timeoutMs: REST_LIMIT_MS }).catch(() => {})
  return content
}

async function contentNow(node: string): Promise<LedgerContent> {
  const participants = (await participantsOn(node)).map(({ name, created }) => `${name} made ${created}`)
  return [...participants, ...(await balancesOn(node))].sort()
}

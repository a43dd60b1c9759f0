import { decimalOf } from '../../deployments/core-test-harness/ledger-api.ts'
import { type Finding, fail, pass } from '../case.ts'
import { CallbackMissing } from '../fspiop/dfsp.ts'
import { termsOf } from './agreement.ts'
import type { About } from './diagnose.ts'
import { type Order, orderOf, receiveOrder, sendOrder } from './payment.ts'
import { positionsBecome, readPositions } from './positions.ts'
import type { Session } from './session.ts'

/** FSPIOP's codes for what has to be refused. */
const INSUFFICIENT_LIQUIDITY = '4001'
const MODIFIED_REQUEST = '3106'
const TRANSFER_EXPIRED = '3303'

const UNITS_PER_WHOLE = 10_000n
/** How long a transfer that nobody fulfils may last; the longer one for a host that was too slow for the other. */
const PATIENCE_FACTORS = [1, 4]

/** More than the payer's DFSP has paid in: refused, and nothing moves. (More than its cap alone would be code 4200.) */
export async function refusesWithoutLiquidity(session: Session, about: About): Promise<Finding> {
  const { payer, payee, context } = session
  const before = await readPositions(session)
  const settlement = (await context.ledger.accounts(payer.name)).find(
    ({ type, currency }) => type === 'SETTLEMENT' && currency === context.currency,
  )
  const cover = -(settlement?.units ?? 0n) - before.payer
  const units = ((cover > 0n ? cover : 0n) / UNITS_PER_WHOLE + 2n) * UNITS_PER_WHOLE
  const order = orderOf(session, { from: payer, to: payee }, termsOf(session, payer, payee, units))
  about(order.transferId, payer, payee)
  await sendOrder(payer, order)
  const finding = await refused(session, order, INSUFFICIENT_LIQUIDITY)
  if (finding.status !== 'pass') return finding
  session.expected.set(order.transferId, { payer: [], payee: [] })
  const unmoved = await positionsBecome(session, before, before)
  return { ...unmoved, found: `${decimalOf(units)}: ${finding.found}; ${unmoved.found}` }
}

/** The same transfer again is answered with its state; a changed one of the same name is refused. Neither moves money. */
export async function repeatsNothing(session: Session, order: Order, about: About): Promise<Finding> {
  const { payer, payee } = session
  about(order.transferId, payer, payee)
  const before = await readPositions(session)
  await sendOrder(payer, order)
  const path = `/transfers/${order.transferId}`
  const answer = await payer.receives({ method: 'PUT', path })
  const state = JSON.stringify(answer)
  if (!state.includes('"COMMITTED"')) return fail(`the same again is answered with ${state}`)
  const { transferId } = order
  const changed = termsOf(session, payer, payee, session.units + UNITS_PER_WHOLE)
  await sendOrder(payer, { ...orderOf(session, { from: payer, to: payee }, changed), transferId })
  const finding = await refused(session, order, MODIFIED_REQUEST)
  if (finding.status !== 'pass') return finding
  const unmoved = await positionsBecome(session, before, before)
  return { ...unmoved, found: `the same: COMMITTED; changed: ${finding.found}; ${unmoved.found}` }
}

/** The payee's DFSP stays silent: the hub reserves, gives up when the time is over, and releases what it reserved. */
export async function abortsInTime(session: Session, about: About): Promise<Finding> {
  const { payer, payee, context, units } = session
  const before = await readPositions(session)
  for (const factor of PATIENCE_FACTORS) {
    const validMs = context.times.expiryMs * factor
    const order = orderOf(session, { from: payer, to: payee }, termsOf(session, payer, payee, units), validMs)
    about(order.transferId, payer, payee)
    await sendOrder(payer, order)
    const reserved = await isReserved(session, order, validMs)
    const finding = await refused(session, order, TRANSFER_EXPIRED, validMs + context.times.timeoutMs)
    // What expired before anybody read it may be refused for another reason.
    if (!reserved) continue
    if (finding.status !== 'pass') return finding
    session.expected.set(order.transferId, { payer: [units, -units], payee: [] })
    const released = await positionsBecome(session, before, before)
    return { ...released, found: `reserved, then ${finding.found}; ${released.found}` }
  }
  return fail(`never reserved within ${(context.times.expiryMs * (PATIENCE_FACTORS.at(-1) ?? 1)) / 1000} s`)
}

/** It reached the payee's DFSP, so its money is set aside; false when it expired before that. */
async function isReserved(session: Session, order: Order, validMs: number): Promise<boolean> {
  const wrong = await receiveOrder(session.payee, order, validMs).catch((error) => {
    if (error instanceof CallbackMissing) return 'nothing'
    throw error
  })
  return wrong === undefined
}

async function refused(session: Session, order: Order, code: string, timeoutMs?: number): Promise<Finding> {
  const words = await session.payer.receivesError({ path: `/transfers/${order.transferId}`, timeoutMs })
  return words.startsWith(code) ? pass(`refused: ${words}`) : fail(`refused with ${words}, instead of ${code}`)
}

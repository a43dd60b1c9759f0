import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { type Finding, fail } from '../case.ts'
import type { Dfsp } from '../fspiop/dfsp.ts'
import type { Version } from '../fspiop/headers.ts'
import { fulfils } from '../fspiop/ilp.ts'
import { signableJson } from '../fspiop/jws.ts'
import { expiration, idIn, money, type Terms } from './agreement.ts'
import type { About } from './diagnose.ts'
import { positionsBecome, readPositions } from './positions.ts'
import type { Session } from './session.ts'

/** One transfer, in either direction, and how the payee's DFSP says that it has paid. */
interface Leg {
  from: Dfsp
  to: Dfsp
  version: Version
  /** With `RESERVED` the hub tells the payee's DFSP the outcome by PATCH, with `COMMITTED` by PUT. */
  answer: 'RESERVED' | 'COMMITTED'
}

/** The transfer's request, exactly as sent: the same again must change nothing. */
export interface Order {
  transferId: string
  payerFsp: string
  payeeFsp: string
  amount: { amount: string; currency: string }
  ilpPacket: string
  condition: string
  expiration: string
}

const Outcome = z.object({ transferState: z.string(), fulfilment: z.string().optional() })

export function orderOf(
  session: Session,
  { from, to }: Pick<Leg, 'from' | 'to'>,
  terms: Terms,
  validMs?: number,
): Order {
  const { ilpPacket, condition } = terms
  return {
    transferId: randomUUID(),
    payerFsp: from.name,
    payeeFsp: to.name,
    amount: money(session, terms.units),
    ilpPacket,
    condition,
    expiration: expiration(validMs),
  }
}

export async function sendOrder(from: Dfsp, order: Order, version: Version = '1.1'): Promise<void> {
  await from.send({ method: 'POST', path: '/transfers', destination: order.payeeFsp, version, body: order })
}

/** Waits at the payee's DFSP; returns what is wrong with what came. */
export async function receiveOrder(to: Dfsp, order: Order, timeoutMs?: number): Promise<string | undefined> {
  const about = (body: unknown) => idIn(body, 'transferId') === order.transferId
  const received = await to.receives({ method: 'POST', path: '/transfers', about, timeoutMs })
  const changed = Object.entries(order).filter(([name, value]) => !sameJson(idIn(received, name), value))
  return changed.length === 0 ? undefined : `${to.name} was sent another ${changed.map(([name]) => name).join(', ')}`
}

/** A whole transfer: sent, fulfilled, and committed in the eyes of both; the positions by exactly the amount. */
export async function pay(
  session: Session,
  { from, to, version, answer }: Leg,
  order: Order,
  terms: Terms,
  about: About,
): Promise<Finding> {
  about(order.transferId, from, to)
  const before = await readPositions(session)
  const startedAt = performance.now()
  await sendOrder(from, order, version)
  const wrong = await receiveOrder(to, order)
  if (wrong) return fail(wrong)
  const path = `/transfers/${order.transferId}`
  const paid = { transferState: answer, fulfilment: terms.fulfilment, completedTimestamp: new Date().toISOString() }
  await to.send({ method: 'PUT', path, destination: from.name, version, body: paid })
  const seen = [
    { by: from, outcome: Outcome.safeParse(await from.receives({ method: 'PUT', path })).data },
    {
      by: to,
      outcome: Outcome.safeParse(await to.receives({ method: answer === 'RESERVED' ? 'PATCH' : 'PUT', path })).data,
    },
  ]
  const tookMs = Math.round(performance.now() - startedAt)
  const other = seen.find(({ outcome }) => outcome?.transferState !== 'COMMITTED')
  if (other) return fail(`${other.by.name} was told ${other.outcome?.transferState ?? 'no state'}`)
  if (!fulfils(seen[0]?.outcome?.fulfilment ?? '', terms.condition))
    return fail(`${from.name} got no fulfilment that holds`)
  const change = from === session.payer ? terms.units : -terms.units
  session.expected.set(order.transferId, { payer: [change], payee: [-change] })
  const after = { payer: before.payer + change, payee: before.payee - change }
  const finding = await positionsBecome(session, before, after)
  return { ...finding, found: `COMMITTED to both in ${tookMs} ms; ${finding.found}` }
}

function sameJson(left: unknown, right: unknown): boolean {
  return signableJson({ left }) === signableJson({ left: right })
}

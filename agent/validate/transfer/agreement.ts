import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { decimalOf } from '../../deployments/core-test-harness/ledger-api.ts'
import { type Finding, fail, pass } from '../case.ts'
import type { Dfsp } from '../fspiop/dfsp.ts'
import { type Ilp, makeIlp } from '../fspiop/ilp.ts'
import { NUMBER, partyOf } from './discovery.ts'
import { minorUnits, type Session } from './session.ts'

/** What two DFSPs have agreed on. The fulfilment is the payee's alone until it has been paid. */
export interface Terms extends Ilp {
  units: bigint
}

const Offer = z.object({ ilpPacket: z.string(), condition: z.string() })

/** Long enough for all that one transfer takes, also on a slow host; what is reserved in vain is released soon after. */
export const EXPIRES_MS = 30_000

/** The payer's DFSP asks what the payment will cost, the payee's says it and binds itself to it. */
export async function agree(session: Session): Promise<{ finding: Finding; terms: Terms | undefined }> {
  const { payer, payee, units } = session
  const startedAt = performance.now()
  const quoteId = randomUUID()
  const transaction = transactionOf(session, payer, payee, units)
  const { transactionId, payer: from, payee: to, amount } = transaction
  const quote = {
    quoteId,
    transactionId,
    payer: from,
    payee: to,
    amountType: 'SEND',
    amount,
    transactionType: TRANSFER,
  }
  await payer.send({ method: 'POST', path: '/quotes', destination: payee.name, body: quote })
  await payee.receives({ method: 'POST', path: '/quotes', about: (body) => idIn(body, 'quoteId') === quoteId })
  const terms = termsOf(session, payer, payee, units, { ...transaction, quoteId })
  const { ilpPacket, condition } = terms
  const offer = { transferAmount: amount, expiration: expiration(EXPIRES_MS), ilpPacket, condition }
  await payee.send({ method: 'PUT', path: `/quotes/${quoteId}`, destination: payer.name, body: offer })
  const read = Offer.safeParse(await payer.receives({ method: 'PUT', path: `/quotes/${quoteId}` }))
  if (read.data?.ilpPacket !== ilpPacket || read.data.condition !== condition) {
    return { finding: fail('the offer that arrived is not the one that was sent'), terms: undefined }
  }
  return {
    finding: pass(`${amount.amount} ${amount.currency} in ${Math.round(performance.now() - startedAt)} ms`),
    terms,
  }
}

/** Terms made by the payee's DFSP, whether or not they were asked for by a quote. */
export function termsOf(
  session: Session,
  from: Dfsp,
  to: Dfsp,
  units: bigint,
  transaction: object = transactionOf(session, from, to, units),
): Terms {
  const amount = minorUnits(units, session.context.currency)
  const account = `g.${to.name}.msisdn.${NUMBER}`
  return { units, ...makeIlp({ transaction, amount, account, secret: session.secret }) }
}

export function money(session: Session, units: bigint): { amount: string; currency: string } {
  return { amount: decimalOf(units), currency: session.context.currency }
}

/** That many milliseconds from now. */
export function expiration(ms: number = EXPIRES_MS): string {
  return new Date(Date.now() + ms).toISOString()
}

export function idIn(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null ? Object.entries(body).find(([key]) => key === name)?.[1] : undefined
}

const TRANSFER = { scenario: 'TRANSFER', initiator: 'PAYER', initiatorType: 'CONSUMER' }

function transactionOf(session: Session, from: Dfsp, to: Dfsp, units: bigint) {
  const amount = money(session, units)
  return {
    transactionId: randomUUID(),
    payer: partyOf(from.name),
    payee: partyOf(to.name),
    amount,
    transactionType: TRANSFER,
  }
}

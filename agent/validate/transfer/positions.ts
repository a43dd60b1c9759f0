import { setTimeout as delay } from 'node:timers/promises'
import { decimalOf } from '../../deployments/core-test-harness/ledger-api.ts'
import { type Finding, fail, pass } from '../case.ts'
import type { Session } from './session.ts'

/** What each test DFSP owes to the others, in ten-thousandths: a payer's rises, a payee's falls. */
export interface Positions {
  payer: bigint
  payee: bigint
}

/** @throws MojaboxError `ledger-unreachable`, `ledger-refused`, or when one has no position */
export async function readPositions({ context, payer, payee }: Session): Promise<Positions> {
  const read = async (name: string) => {
    const accounts = await context.ledger.accounts(name)
    const position = accounts.find(({ type, currency }) => type === 'POSITION' && currency === context.currency)
    if (!position) throw new Error(`${name} has no position in ${context.currency}`)
    return position.units
  }
  const [of, to] = await Promise.all([read(payer.name), read(payee.name)])
  return { payer: of, payee: to }
}

/** Looks until the positions are as wanted; fails when they are not in time, with what they are. */
export async function positionsBecome(session: Session, from: Positions, to: Positions): Promise<Finding> {
  const { context } = session
  const until = performance.now() + context.times.fundsMs
  for (;;) {
    const now = await readPositions(session)
    if (now.payer === to.payer && now.payee === to.payee) return pass(changeOf(session, from, now))
    if (performance.now() > until) return fail(`${changeOf(session, from, now)}, instead of ${wordsOf(session, to)}`)
    await delay(context.times.lookMs, undefined, { signal: context.signal })
  }
}

function changeOf(session: Session, from: Positions, to: Positions): string {
  return from.payer === to.payer && from.payee === to.payee
    ? `positions unchanged, ${wordsOf(session, to)}`
    : `positions from ${wordsOf(session, from)} to ${wordsOf(session, to)}`
}

function wordsOf({ payer, payee }: Session, positions: Positions): string {
  return `${payer.name} ${decimalOf(positions.payer)} and ${payee.name} ${decimalOf(positions.payee)}`
}

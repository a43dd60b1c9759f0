import { setTimeout as delay } from 'node:timers/promises'
import pRetry from 'p-retry'
import { factsOf } from '../../../bundles/format/error.ts'
import type { Dfsp } from '../fspiop/dfsp.ts'
import type { Session } from './session.ts'

/** What central-ledger calls each place of a DFSP where services send something, and its path. */
const PATHS: Readonly<Record<string, string>> = {
  FSPIOP_CALLBACK_URL_PARTICIPANT_PUT: '/participants/{{partyIdType}}/{{partyIdentifier}}',
  FSPIOP_CALLBACK_URL_PARTICIPANT_PUT_ERROR: '/participants/{{partyIdType}}/{{partyIdentifier}}/error',
  FSPIOP_CALLBACK_URL_PARTIES_GET: '/parties/{{partyIdType}}/{{partyIdentifier}}',
  FSPIOP_CALLBACK_URL_PARTIES_PUT: '/parties/{{partyIdType}}/{{partyIdentifier}}',
  FSPIOP_CALLBACK_URL_PARTIES_PUT_ERROR: '/parties/{{partyIdType}}/{{partyIdentifier}}/error',
  // quoting-service adds the path itself.
  FSPIOP_CALLBACK_URL_QUOTES: '',
  FSPIOP_CALLBACK_URL_TRANSFER_POST: '/transfers',
  FSPIOP_CALLBACK_URL_TRANSFER_PUT: '/transfers/{{transferId}}',
  FSPIOP_CALLBACK_URL_TRANSFER_ERROR: '/transfers/{{transferId}}/error',
}

/**
 * Tells central-ledger where the test DFSPs listen now, where it does not know yet; returns how many it had to be told.
 * Where they listened elsewhere before, it waits until no service calls there any more.
 * @throws MojaboxError `ledger-unreachable`, `ledger-refused`, `ledger-failed`
 */
export async function registerEndpoints(session: Session): Promise<number> {
  // One after the other: two at a time lock each other out of the ledger's table, as may others that write there.
  const payer = await registerAll(session, session.payer)
  const payee = await registerAll(session, session.payee)
  const { times, signal } = session.context
  if (payer.moved || payee.moved) await delay(times.movedMs, undefined, { signal })
  return payer.told + payee.told
}

async function registerAll({ context, callbacks }: Session, { name }: Dfsp): Promise<{ told: number; moved: boolean }> {
  const known = await context.ledger.endpoints(name)
  const changed = Object.entries(PATHS)
    .map(([type, path]) => ({ type, value: `${callbacks.url}/${name}${path}` }))
    .filter(({ type, value }) => known.get(type) !== value)
  for (const { type, value } of changed) {
    await pRetry(() => context.ledger.setEndpoint(name, type, value), {
      retries: 3,
      minTimeout: context.times.lookMs,
      signal: context.signal,
      shouldRetry: ({ error }) => factsOf(error).code === 'ledger-failed',
    })
  }
  return { told: changed.length, moved: changed.some(({ type }) => known.has(type)) }
}

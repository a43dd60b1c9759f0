import { setTimeout as delay } from 'node:timers/promises'
import { query } from '../database.ts'
import { EXPIRES_MS } from './agreement.ts'
import { type Positions, readPositions } from './positions.ts'
import type { Session } from './session.ts'

/** States in which money is set aside and may come back by itself. */
const UNDER_WAY = ['RECEIVED_PREPARE', 'RESERVED', 'RECEIVED_FULFIL', 'RESERVED_TIMEOUT']

/**
 * The positions to begin with. A run that was cut short may have left a transfer under way: it is waited for, as what
 * it set aside comes back in the middle of something else.
 */
export async function settledPositions(session: Session): Promise<Positions> {
  const { context } = session
  const until = performance.now() + EXPIRES_MS + context.times.timeoutMs
  for (;;) {
    const positions = await readPositions(session)
    // What one owes is owed to the other, unless something is under way; only then is the database asked.
    if (positions.payer + positions.payee === 0n || performance.now() > until) return positions
    if ((await underWay(session)) === 0) return positions
    await delay(context.times.lookMs, undefined, { signal: context.signal })
  }
}

async function underWay({ context, ground, payer, payee }: Session): Promise<number> {
  const states = UNDER_WAY.map((state) => `'${state}'`).join(', ')
  const rows = await query(
    context,
    ground.database,
    `select count(distinct t.transferId) from transfer t join transferParticipant tp using (transferId)
     join participantCurrency pc using (participantCurrencyId) join participant p using (participantId)
     where p.name in ('${payer.name}', '${payee.name}') and t.expirationDate > utc_timestamp() - interval 5 minute
     and (select s.transferStateId from transferStateChange s where s.transferId = t.transferId
          order by s.transferStateChangeId desc limit 1) in (${states})`,
  )
  return Number(rows[0]?.[0] ?? 0)
}

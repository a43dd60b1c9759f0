import type { Database } from '../deployments/core-test-harness/definition.ts'
import { unitsOf } from '../deployments/core-test-harness/ledger-api.ts'
import type { ValidateContext } from './context.ts'
import { query } from './database.ts'

/** What the ledger notes of each of validation's own orders. */
export const REASON = 'mojabox validate'

/**
 * Of the orders of validations of the last day on an account: those that reserved funds and were neither committed nor
 * aborted, and how much more came in than went out. `account` is central-ledger's `participantCurrencyId`.
 * @throws as `query`
 */
export async function earlierMoves(
  context: Pick<ValidateContext, 'containers' | 'run'>,
  database: Database,
  account: number,
): Promise<{ reserved: string[]; leftUnits: bigint }> {
  const rows = await query(
    context,
    database,
    `select s.transferId, c.\`change\`,
       (select l.transferStateId from transferStateChange l where l.transferId = s.transferId
        order by l.transferStateChangeId desc limit 1)
     from participantPositionChange c join transferStateChange s using (transferStateChangeId)
     where c.participantCurrencyId = ${account} and s.reason = '${REASON}' and c.createdDate > now() - interval 1 day`,
  )
  const reserved = rows.filter(([, , state]) => state === 'RESERVED').map(([transferId = '']) => transferId)
  const changed = rows.reduce((sum, [, change = '0']) => sum + unitsOf(change), 0n)
  // Of what came in more than a day ago nothing is known here; less than nothing is not left.
  return { reserved, leftUnits: changed < 0n ? -changed : 0n }
}

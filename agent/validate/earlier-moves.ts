import { createHash } from 'node:crypto'
import type { Database } from '../deployments/core-test-harness/definition.ts'
import { unitsOf } from '../deployments/core-test-harness/ledger-api.ts'
import type { ValidateContext } from './context.ts'
import { query } from './database.ts'

/** What the ledger notes of each of validation's own orders. */
export const REASON = 'mojabox validate'

/** What a validation that was cut short has left to do. */
export interface Unfinished {
  /** Of the order that takes out what came in. */
  outward: string
  units: bigint
  isReserved: boolean
}

/**
 * The order that takes out what another brought in: always the same one, so that the ledger drops it where it comes twice,
 * once late and once from who finishes what was left. A UUID by name (RFC 9562, version 5).
 */
export function outwardOf(inward: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(inward.replaceAll('-', ''), 'hex'))
    .update('funds out')
    .digest()
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/**
 * Of the validations of the last day on an account: what was reserved and neither committed nor aborted, and what came in
 * and was not taken out, as far as more came in than went out. `account` is central-ledger's `participantCurrencyId`.
 * @throws as `query`
 */
export async function unfinishedMoves(
  context: Pick<ValidateContext, 'containers' | 'run'>,
  database: Database,
  account: number,
): Promise<Unfinished[]> {
  const rows = await query(
    context,
    database,
    `select s.transferId, c.\`change\`,
       (select l.transferStateId from transferStateChange l where l.transferId = s.transferId
        order by l.transferStateChangeId desc limit 1)
     from participantPositionChange c join transferStateChange s using (transferStateChangeId)
     where c.participantCurrencyId = ${account} and s.reason = '${REASON}' and c.createdDate > now() - interval 1 day
     order by c.participantPositionChangeId`,
  )
  const orders = rows.map(([id = '', change = '0', state]) => ({ id, units: unitsOf(change), state }))
  const known = new Set(orders.map(({ id }) => id))
  const reserved = orders
    .filter(({ units, state }) => units > 0n && state === 'RESERVED')
    .map(({ id, units }) => ({ outward: id, units, isReserved: true }))
  // Of what came in more than a day ago nothing is known here; less than nothing is not left.
  let left = orders.reduce((sum, { units }) => sum - units, 0n)
  const unmatched: Unfinished[] = []
  for (const { id, units } of orders) {
    const outward = outwardOf(id)
    if (units >= 0n || known.has(outward) || -units > left) continue
    unmatched.push({ outward, units: -units, isReserved: false })
    left += units
  }
  return [...reserved, ...unmatched]
}

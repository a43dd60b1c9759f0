import { decimalOf, unitsOf } from '../../deployments/core-test-harness/ledger-api.ts'
import { type Finding, fail, pass } from '../case.ts'
import { query } from '../database.ts'
import type { Session } from './session.ts'

/** In the database itself: each transfer changed the two positions as often as it should have, and by as much. */
export async function movedOnce(session: Session): Promise<Finding> {
  const { payer, payee, expected } = session
  for (const [transferId, wanted] of expected) {
    for (const [name, changes] of [
      [payer.name, wanted.payer],
      [payee.name, wanted.payee],
    ] as const) {
      const found = await changesOf(session, transferId, name)
      if (listed(found) !== listed(changes)) {
        return fail(`${transferId} changed ${name} by ${listed(found)}, instead of ${listed(changes)}`)
      }
    }
  }
  return pass(`${expected.size} transfers, each change once`)
}

async function changesOf({ context, ground }: Session, transferId: string, name: string): Promise<bigint[]> {
  const rows = await query(
    context,
    ground.database,
    `select c.\`change\` from participantPositionChange c join transferStateChange s using (transferStateChangeId)
     join participantCurrency pc using (participantCurrencyId) join participant p using (participantId)
     where s.transferId = '${transferId}' and p.name = '${name}' order by c.participantPositionChangeId`,
  )
  return rows.map(([change = '0']) => unitsOf(change))
}

function listed(changes: bigint[]): string {
  return changes.length === 0 ? 'nothing' : changes.map(decimalOf).join(' and ')
}

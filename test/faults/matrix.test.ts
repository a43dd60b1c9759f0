/**
 * The matrix of faults: every row hurts an install or an upgrade on a real host, and expects the right error, a re-run
 * that converges, a third run that changes nothing, the ledger's data as it was, and nothing left behind.
 * `MOJABOX_FAULTS` chooses rows: `all`, or ids; without it the fast ones.
 */
import { appendFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { Ground } from './ground.ts'
import { rowsFor } from './registry.ts'
import type { FaultRow, Outcome } from './row.ts'

const rows = rowsFor(process.env.MOJABOX_FAULTS)

describe('an install or an upgrade that is hurt', () => {
  let ground: Ground
  beforeAll(async () => {
    ground = await Ground.open(rows)
  })
  afterAll(() => ground?.close())

  for (const row of rows) {
    test(`${row.id}: ${row.title}`, async () => {
      const startedAt = performance.now()
      const ended = (result: Partial<Outcome> & { error?: string }) => record(row, startedAt, result)
      try {
        await ended(await row.run(ground))
        await ground.rowEnded({ well: true })
      } catch (error) {
        await ground.rowEnded({ well: false })
        await ended({ error: String(error) })
        throw error
      }
    })
  }
})

/** A line of JSON for `npm run faults`, which makes the table. */
async function record(row: FaultRow, startedAt: number, result: object): Promise<void> {
  const path = process.env.MOJABOX_FAULTS_RECORD
  if (path === undefined) return
  const { id, title, verb } = row
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10
  await appendFile(path, `${JSON.stringify({ id, title, verb, ...result, seconds })}\n`)
}

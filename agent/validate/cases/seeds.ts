import type { ReportCase } from '../../contract/report.ts'
import { fail, pass, reportCase, skip, wordsOf } from '../case.ts'
import type { CaseGroup, ValidateContext } from '../context.ts'
import { query } from '../database.ts'

/** The reference tables hold their rows; seeding can fail and still exit with 0. */
export const seeds: CaseGroup = {
  name: 'seeds',
  level: 'services',
  async run(context) {
    const counts = await countRows(context).catch((error: unknown) => {
      context.signal.throwIfAborted()
      return wordsOf(error)
    })
    return Promise.all(context.profile.seeds.map(({ table, atLeast }) => seeded(context, table, atLeast, counts)))
  },
}

/** Rows by table; a table that does not exist is left out. */
async function countRows(context: ValidateContext): Promise<Map<string, number>> {
  const existing = new Set(
    (await query(context, 'select table_name from information_schema.tables where table_schema = database()')).flat(),
  )
  const tables = context.profile.seeds.map(({ table }) => table).filter((table) => existing.has(table))
  if (tables.length === 0) return new Map()
  const rows = await query(
    context,
    tables.map((table) => `select '${table}', count(*) from ${table}`).join(' union all '),
  )
  return new Map(rows.map(([table = '', count = '0']) => [table, Number(count)]))
}

function seeded(
  context: ValidateContext,
  table: string,
  atLeast: number,
  counts: Map<string, number> | string,
): Promise<ReportCase> {
  const subject = context.profile.database.service
  const about = { id: `seed:${table}`, title: `${table} is seeded`, needed: `at least ${atLeast} rows`, subject }
  return reportCase(about, context.signal, async () => {
    // Why the database does not answer stands with the migrations.
    if (typeof counts === 'string') return skip(counts)
    const count = counts.get(table)
    if (count === undefined) return fail('no such table')
    return count >= atLeast ? pass(`${count}`) : fail(`${count} rows`)
  })
}

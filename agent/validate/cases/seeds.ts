import type { ReportCase } from '../../contract/report.ts'
import type { Database } from '../../deployments/core-test-harness/definition.ts'
import { fail, pass, reportCase, skip, wordsOf } from '../case.ts'
import type { CaseGroup, ValidateContext } from '../context.ts'
import { query } from '../database.ts'

/** The reference tables of each schema hold their rows; seeding can fail and still exit with 0. */
export const seeds: CaseGroup = {
  name: 'seeds',
  level: 'services',
  run: async (context) =>
    (await Promise.all(context.profile.databases.map((database) => seededTables(context, database)))).flat(),
}

async function seededTables(context: ValidateContext, database: Database): Promise<ReportCase[]> {
  const counts = await countRows(context, database).catch((error: unknown) => {
    context.signal.throwIfAborted()
    return wordsOf(error)
  })
  return Promise.all(database.seeds.map(({ table, atLeast }) => seeded(context, database, table, atLeast, counts)))
}

/** Rows by table; a table that does not exist is left out. */
async function countRows(context: ValidateContext, database: Database): Promise<Map<string, number>> {
  const tablesOf = 'select table_name from information_schema.tables where table_schema = database()'
  const existing = new Set((await query(context, database, tablesOf)).flat())
  const tables = database.seeds.map(({ table }) => table).filter((table) => existing.has(table))
  if (tables.length === 0) return new Map()
  const counting = tables.map((table) => `select '${table}', count(*) from ${table}`).join(' union all ')
  const rows = await query(context, database, counting)
  return new Map(rows.map(([table = '', count = '0']) => [table, Number(count)]))
}

function seeded(
  context: ValidateContext,
  { schema, service: subject }: Database,
  table: string,
  atLeast: number,
  counts: Map<string, number> | string,
): Promise<ReportCase> {
  const title = `${schema}.${table} is seeded`
  const about = { id: `seed:${schema}.${table}`, title, needed: `at least ${atLeast} rows`, subject }
  return reportCase(about, context.signal, async () => {
    // Why the database does not answer stands with the migrations.
    if (typeof counts === 'string') return skip(counts)
    const count = counts.get(table)
    if (count === undefined) return fail('no such table')
    return count >= atLeast ? pass(`${count}`) : fail(`${count} rows`)
  })
}

import type { ReportCase } from '../../contract/report.ts'
import type { Database } from '../../deployments/core-test-harness/definition.ts'
import { fail, pass, reportCase } from '../case.ts'
import type { CaseGroup, ValidateContext } from '../context.ts'
import { query } from '../database.ts'

/** Every migration of each schema has run, and none holds the lock. */
export const migrations: CaseGroup = {
  name: 'migrations',
  level: 'services',
  run: async (context) =>
    (await Promise.all(context.profile.databases.map((database) => migrated(context, database)))).flat(),
}

function migrated(context: ValidateContext, database: Database): Promise<ReportCase[]> {
  const { schema, service: subject } = database
  const { table, lockTable, atLeast } = database.migrations
  const done = {
    id: `migrations:${schema}`,
    title: `migrations of ${schema} are done`,
    needed: `at least ${atLeast}`,
    subject,
  }
  const free = {
    id: `migrations:${schema}:lock`,
    title: `no migration of ${schema} is under way`,
    needed: 'an open lock',
    subject,
  }
  return Promise.all([
    reportCase(done, context.signal, async () => {
      const count = Number((await query(context, database, `select count(*) from ${table}`))[0]?.[0] ?? 0)
      return count >= atLeast ? pass(`${count}`) : fail(`${count}`)
    }),
    reportCase(free, context.signal, async () => {
      const held = (await query(context, database, `select count(*) from ${lockTable} where is_locked <> 0`))[0]?.[0]
      return held === '0' ? pass('open') : fail('locked')
    }),
  ])
}

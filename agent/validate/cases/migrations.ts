import { fail, pass, reportCase } from '../case.ts'
import type { CaseGroup } from '../context.ts'
import { query } from '../database.ts'

/** Every migration of the schema has run, and none holds the lock. */
export const migrations: CaseGroup = {
  name: 'migrations',
  level: 'services',
  async run(context) {
    const { table, lockTable, atLeast } = context.profile.migrations
    const subject = context.profile.database.service
    const done = { id: 'migrations', title: 'migrations are done', needed: `at least ${atLeast}`, subject }
    const free = { id: 'migrations:lock', title: 'no migration is under way', needed: 'an open lock', subject }
    return Promise.all([
      reportCase(done, context.signal, async () => {
        const count = Number((await query(context, `select count(*) from ${table}`))[0]?.[0] ?? 0)
        return count >= atLeast ? pass(`${count}`) : fail(`${count}`)
      }),
      reportCase(free, context.signal, async () => {
        const held = (await query(context, `select count(*) from ${lockTable} where is_locked <> 0`))[0]?.[0]
        return held === '0' ? pass('open') : fail('locked')
      }),
    ])
  },
}

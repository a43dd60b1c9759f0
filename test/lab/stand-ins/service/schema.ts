import { createRequire } from 'node:module'
import { log } from './server.ts'
import type { Settings } from './settings.ts'

interface Connection {
  query(sql: string): Promise<unknown>
  end(): Promise<void>
}
type Login = Record<'host' | 'user' | 'password' | 'database', string>
const mysql: { createConnection(login: Login): Promise<Connection> } = createRequire(import.meta.url)('mysql2/promise')

/** What account-lookup-service 17.10.2 makes and seeds, as far as it can be counted from outside. */
const MIGRATIONS = 8
const SEEDS = { partyIdType: 10, currency: 179, endpointType: 6 }

/** `knex migrate:latest` and `seed:run`: the stand-ins keep nothing there, but whoever counts finds the real one's numbers. */
export async function makeSchema({ DATABASE }: Settings, command: string): Promise<void> {
  const { HOST: host, USER: user, PASSWORD: password, DATABASE: database } = DATABASE
  const connection = await mysql.createConnection({ host, user, password, database })
  try {
    for (const table of ['migration', ...Object.keys(SEEDS)]) {
      await connection.query(`create table if not exists ${table} (id int primary key)`)
    }
    await connection.query('create table if not exists migration_lock (id int primary key, is_locked int)')
    const rows = command === 'seed:run' ? Object.entries(SEEDS) : [['migration', MIGRATIONS] as const]
    for (const [table, count] of rows) {
      const values = Array.from({ length: count }, (_, id) => `(${id})`).join(',')
      await connection.query(`insert ignore into ${table} values ${values}`)
    }
    log(`${command}: ${rows.map(([table, count]) => `${table} ${count}`).join(', ')}`)
  } finally {
    await connection.end()
  }
}

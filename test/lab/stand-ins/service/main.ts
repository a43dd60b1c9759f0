import { serveLookup, serveLookupAdmin } from './lookup.ts'
import { serveOracle } from './oracle.ts'
import { handleQuotes, serveQuotes } from './quotes.ts'
import { log } from './server.ts'
import { readSettings } from './settings.ts'
import { notify, serveTransfers } from './transfers.ts'

/** One image stands in for four services: which one, its command tells, as it would tell the real one. */
async function main(): Promise<void> {
  const script = (process.argv[1] ?? '').replace(/^\/opt\/app\//, '')
  const flags = process.argv.slice(2)
  switch (`${script} ${flags.join(' ')}`.trim()) {
    case 'src/api/index.js':
      return serveTransfers(readSettings('MLAPI', 3000))
    case 'src/handlers/index.js handler --notification':
      return notify(readSettings('MLAPI', 3000))
    case 'src/index.js server --api':
      return serveLookup(readSettings('ALS', 4002))
    case 'src/index.js server --admin':
      return serveLookupAdmin(readSettings('ALS', 4001))
    case 'src/index.js server':
      await serveLookupAdmin(readSettings('ALS', 4001))
      return serveLookup(readSettings('ALS', 4002))
    case 'src/index.js':
      return serveQuotes(readSettings('QUOTE', 3002))
    case 'src/handlers/index.js handler --quotes':
    case 'src/handlers/index.js handler --quotes --bulk_quotes --fx_quotes':
      return handleQuotes(readSettings('QUOTE', 3002))
    case 'node_modules/knex/bin/cli.js --knexfile config/knexfile.js migrate:latest':
    case 'node_modules/knex/bin/cli.js --knexfile config/knexfile.js seed:run': {
      const { makeSchema } = await import('./schema.ts')
      return makeSchema(readSettings('ALS', 0), flags.at(-1) ?? '')
    }
    case 'dist/src/cli.js':
      return serveOracle(readSettings('ORACLE', 3000))
    default:
      // The oracle's migrations: it has no database of its own.
      log(`nothing to do for ${script} ${flags.join(' ')}`)
  }
}

main().catch((error: unknown) => {
  log(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exit(1)
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))

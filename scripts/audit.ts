/**
 * `npm run audit`: asks the registry for advisories about what the executable is made of (no development packages), and
 * fails on a high or critical one. Where nobody can be asked it says so, in a line of its own.
 */
import { audit } from './audit/audit.ts'

audit((text) => void process.stdout.write(`${text}\n`)).catch((error: unknown) => {
  process.stderr.write(`audit: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})

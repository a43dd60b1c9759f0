import { MojaboxError } from '../bundles/format/error.ts'
import { run } from './cli/program.ts'

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // The first asks for a clean stop; a second does not wait for it.
    if (stop.signal.aborted) process.exit(130)
    stop.abort(
      new MojaboxError({
        code: 'interrupted',
        kind: 'interrupted',
        message: 'interrupted',
        next: 'run the same command again: it resumes where it stopped',
      }),
    )
  })
}

run(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  isTty: process.stderr.isTTY === true,
  canAsk: process.stdin.isTTY === true && process.stderr.isTTY === true,
  columns: process.stderr.columns ?? 80,
  env: process.env,
  signal: stop.signal,
}).then(
  // What was written is out: on Linux files, pipes and terminals are written to synchronously.
  (code) => process.exit(code),
  (error) => {
    process.stderr.write(`mojabox: unexpected: ${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(1)
  },
)

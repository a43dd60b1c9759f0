import { MojaboxError } from '../bundles/format/error.ts'
import { run } from './cli/program.ts'
import { plainText } from './render/look.ts'

// A reader that has seen enough (`| head`) takes the rest of the words away, not the run.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
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

const canAsk = process.stdin.isTTY === true && process.stderr.isTTY === true
const plain = plainText(process.env)

run(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(plain(text)),
  isTty: process.stderr.isTTY === true,
  canAsk,
  terminal: canAsk ? { input: process.stdin, output: process.stderr } : undefined,
  // A terminal may change its size, and some say 0 when they do not know it.
  get columns() {
    return process.stderr.columns || 80
  },
  get rows() {
    return process.stderr.rows || 24
  },
  env: process.env,
  streams: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, type: process.env.TERM ?? 'dumb' },
  signal: stop.signal,
}).then(
  (code) => exitOnceWritten(code),
  (error) => {
    process.stderr.write(`mojabox: unexpected: ${error instanceof Error ? error.stack : String(error)}\n`)
    return exitOnceWritten(1)
  },
)

/** A pipe takes what was written when its reader does. */
async function exitOnceWritten(code: number): Promise<void> {
  const streams = [process.stdout, process.stderr]
  await Promise.all(streams.map((stream) => new Promise((done) => stream.write('', done))))
  process.exit(code)
}

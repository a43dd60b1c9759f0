import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { sourceOf } from '../../agent/development/backing.ts'
import { type Checkout, readCheckout, requireSourceOf } from '../../agent/development/checkout.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import { CommandEnded } from '../cli/command-ended.ts'
import type { Io } from '../cli/io.ts'
import { LOCAL } from '../site/site.ts'
import { parseJestJson } from '../testing/jest-json.ts'
import { summaryOf } from '../testing/junit-xml.ts'
import { chooseScript, type Results, resultsOf, type TestKind } from '../testing/npm-script.ts'
import { completed, type TestCase, type TestRun } from '../testing/results.ts'
import { parseTap } from '../testing/tap.ts'
import { writeResults } from '../testing/write-results.ts'
import { type OneHostOptions, onOneHost } from './one-host.ts'
import { openEnvironment } from './open-environment.ts'

export interface TestOptions extends OneHostOptions {
  path: string
  script?: string
  hub?: boolean
  report?: string[]
}

/**
 * Runs a checkout's own tests; with the hub's variables for integration tests (and for unit tests where asked: they would
 * change what those test).
 * @throws CommandEnded with the tests' own exit code unless it is 0; MojaboxError
 */
export async function testCheckout(kind: TestKind, service: string | undefined, options: TestOptions, io: Io) {
  const checkout = await readCheckout(resolve(options.path))
  const script = chooseScript(kind, checkout.scripts, options.script)
  await requireModules(checkout)
  const folder = await mkdtemp(join(tmpdir(), 'mojabox-test-'))
  try {
    const runIt = (variables: Record<string, string>) => runScript(checkout, script, variables, folder, io)
    const run =
      kind === 'integration' || options.hub === true
        ? await withHub(checkout, service, options, io, folder, runIt)
        : await runIt({})
    io.stderr(`${summaryOf(run)}\n`)
    const kept = await writeResults(run, options.report ?? []).then(
      () => undefined,
      (error: unknown) => error,
    )
    io.signal.throwIfAborted()
    // What the tests found matters more than a report that could not be written.
    if (run.exitCode !== 0) throw new CommandEnded(run.exitCode)
    if (kept) throw kept
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function withHub(
  checkout: Checkout,
  service: string | undefined,
  options: OneHostOptions,
  io: Io,
  folder: string,
  work: (variables: Record<string, string>) => Promise<TestRun>,
): Promise<TestRun> {
  const name = service ?? checkout.name.split('/').at(-1) ?? checkout.name
  return onOneHost(options, io, async (connection, host) => {
    const forward = host.address !== LOCAL
    const environment = await openEnvironment(connection, name, { forward, signal: io.signal })
    try {
      requireSourceOf(checkout, name, sourceOf(environment.image ?? ''))
      const { variables, config } = environment
      if (config) {
        // npm runs scripts by a shell, which drops variables with dots in their names: the file has them.
        const path = join(folder, 'config.json')
        await writeFile(path, config.content, { mode: 0o600 })
        variables[config.variable] = path
      }
      return await work(variables)
    } finally {
      environment.close()
    }
  })
}

async function runScript(
  checkout: Checkout,
  script: string,
  variables: Record<string, string>,
  folder: string,
  io: Io,
): Promise<TestRun> {
  const file = join(folder, 'results.json')
  const results = resultsOf(checkout.scripts[script] ?? '', file)
  const startedAt = new Date()
  const argv = ['run', '--silent', script, ...(results.words.length > 0 ? ['--', ...results.words] : [])]
  const { exitCode, output } = await runNpm(argv, checkout.path, { ...io.env, ...variables }, io)
  const seconds = Math.round(Date.now() - startedAt.getTime()) / 1000
  const cases = await casesOf(results, file, output, checkout)
  return completed({ name: `${checkout.name} ${script}`, startedAt, seconds, exitCode, cases })
}

async function casesOf(results: Results, file: string, output: string, checkout: Checkout): Promise<TestCase[]> {
  if (results.form === 'tap') return parseTap(output)
  const text = await readFile(file, 'utf8').catch(() => undefined)
  return text === undefined ? [] : parseJestJson(text, checkout.path)
}

async function runNpm(argv: string[], cwd: string, env: NodeJS.ProcessEnv, io: Io) {
  const child = spawn('npm', argv, { cwd, env, stdio: ['inherit', 'pipe', 'pipe'] })
  const stop = () => child.kill('SIGTERM')
  io.signal.addEventListener('abort', stop, { once: true })
  const pieces: Buffer[] = []
  child.stdout.on('data', (piece: Buffer) => {
    pieces.push(piece)
    io.streams.stdout.write(piece)
  })
  child.stderr.on('data', (piece: Buffer) => io.streams.stderr.write(piece))
  const { promise, resolve: settle, reject } = Promise.withResolvers<number>()
  child.once('error', (cause) => reject(noNpm(cause)))
  child.once('close', (code) => settle(code ?? 130))
  try {
    return { exitCode: await promise, output: Buffer.concat(pieces).toString('utf8') }
  } finally {
    io.signal.removeEventListener('abort', stop)
  }
}

async function requireModules(checkout: Checkout): Promise<void> {
  if (await stat(join(checkout.path, 'node_modules')).catch(() => undefined)) return
  throw new MojaboxError({
    code: 'dependencies-missing',
    kind: 'usage',
    message: `the dependencies of ${checkout.name} are not installed`,
    found: `no ${checkout.path}/node_modules`,
    needed: 'its dependencies, those for tests included',
    next: `cd ${checkout.path} && npm ci`,
  })
}

function noNpm(cause: Error): MojaboxError {
  return new MojaboxError(
    {
      code: 'npm-missing',
      kind: 'usage',
      message: 'a checkout’s tests run with npm, which could not be started',
      found: cause.message,
      needed: 'Node.js with npm on PATH, as the service wants it',
      next: 'install Node.js, then run the same command again',
    },
    { cause },
  )
}

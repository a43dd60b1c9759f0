import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as setTimeoutPromise } from 'node:timers/promises'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { CommandOptions, CommandResult, RunCommand } from '../contract/step.ts'

const DEFAULT_TIMEOUT_MS = 120_000
const KILL_AFTER_MS = 10_000
/** A daemon started by the command may keep its pipes open for ever: what the command itself wrote is read long before. */
const PIPES_AFTER_EXIT_MS = 2_000
const KEPT_BYTES = 1024 * 1024
const SHOWN_LINES = 12
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/**
 * Runs commands on this machine: argv, never a shell, in the C locale, with the administrators' folders on PATH, in a
 * process group of its own. Of stdout and stderr the last 1 MiB each are kept. On time-out or abort the whole group
 * gets SIGTERM, and SIGKILL `killAfterMs` (10 s) later.
 * @throws MojaboxError `command-failed` (exit code not among okCodes), `command-missing` (no such program),
 * `command-timeout`, `interrupted` (the signal)
 */
export function createRunCommand(signal?: AbortSignal, killAfterMs = KILL_AFTER_MS): RunCommand {
  return (argv, options = {}) => runCommand(argv, options, killAfterMs, signal)
}

/** A command as a person can paste it into any POSIX shell. */
export function pasteable(argv: readonly string[]): string {
  return argv.map(quoted).join(' ')
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

type Ending =
  | { by: 'exit'; code: number }
  | { by: 'signal'; name: string }
  | { by: 'error'; error: NodeJS.ErrnoException }

async function runCommand(
  argv: string[],
  options: CommandOptions,
  killAfterMs: number,
  ofRun?: AbortSignal,
): Promise<CommandResult> {
  const signal = AbortSignal.any([ofRun, options.signal].filter((one) => one !== undefined))
  const [program, ...rest] = argv
  if (program === undefined) throw new TypeError('running a command: its argv is empty')
  if (signal.aborted) throw interrupted(argv)
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const child = spawn(program, rest, spawnOptions(options))
  const stdout = collectEnd(child.stdout)
  const stderr = collectEnd(child.stderr)
  let stopped: 'timeout' | 'abort' | undefined
  let gone: Promise<void> | undefined
  const stop = (why: 'timeout' | 'abort') => {
    if (stopped) return
    stopped = why
    gone = endGroup(child, killAfterMs)
  }
  const onAbort = () => stop('abort')
  const timer = setTimeout(() => stop('timeout'), timeoutMs)
  signal.addEventListener('abort', onAbort, { once: true })
  const ending = await endOf(child, options.input)
  clearTimeout(timer)
  signal.removeEventListener('abort', onAbort)
  await gone
  if (stopped === 'abort') throw interrupted(argv)
  if (stopped === 'timeout') throw timedOut(argv, timeoutMs, stderr())
  if (ending.by === 'error') throw notStarted(argv, ending.error, options.cwd)
  const code = ending.by === 'exit' ? ending.code : undefined
  if (code === undefined || !(options.okCodes ?? [0]).includes(code))
    throw failed(argv, ending, stdout(), stderr(), options)
  return { code, stdout: stdout(), stderr: stderr() }
}

function spawnOptions(options: CommandOptions): SpawnOptions {
  const { LANGUAGE: _, ...inherited } = process.env
  const folders = (inherited.PATH ?? '/usr/local/bin:/usr/bin:/bin').split(':')
  const path = [...folders, ...SBIN.filter((folder) => !folders.includes(folder))].join(':')
  return {
    detached: true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...inherited, PATH: path, ...options.env, LC_ALL: 'C' },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  }
}

function endOf(child: ChildProcess, input: string | undefined): Promise<Ending> {
  return new Promise((resolve) => {
    let ending: Ending | undefined
    child.once('error', (error) => {
      // A child that never started has no pid; any later error leaves the exit to tell.
      if (child.pid === undefined) resolve({ by: 'error', error })
    })
    child.once('exit', (code, name) => {
      ending = code === null ? { by: 'signal', name: name ?? 'unknown' } : { by: 'exit', code }
      setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, PIPES_AFTER_EXIT_MS).unref()
    })
    child.once('close', () => {
      if (ending) resolve(ending)
    })
    // A command that does not read its input is judged by its exit code, not by our broken pipe.
    child.stdin?.on('error', () => {})
    if (input !== undefined) child.stdin?.end(input)
  })
}

/** Settles once no process of the command's group is left, or all were sent SIGKILL. */
async function endGroup(child: ChildProcess, killAfterMs: number): Promise<void> {
  const deadline = performance.now() + killAfterMs
  let left = signalGroup(child, 'SIGTERM')
  while (left && performance.now() < deadline) {
    await setTimeoutPromise(50)
    left = signalGroup(child, 0)
  }
  signalGroup(child, 'SIGKILL')
}

/** False when the group is gone. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false
  try {
    return process.kill(-child.pid, signal)
  } catch {
    return false
  }
}

/** Keeps the end of a stream; the returned function gives it as text. */
function collectEnd(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = []
  let bytes = 0
  stream?.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    bytes += chunk.length
    while (chunks[0] && bytes - chunks[0].length >= KEPT_BYTES) bytes -= chunks.shift()?.length ?? 0
  })
  return () => Buffer.concat(chunks).subarray(-KEPT_BYTES).toString('utf8')
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n')
}

function failed(argv: string[], ending: Ending, stdout: string, stderr: string, options: CommandOptions): MojaboxError {
  const end = lastLines(stderr) || lastLines(stdout) || '(it printed nothing)'
  const how =
    ending.by === 'exit' ? `exit code ${ending.code}` : `ended by ${ending.by === 'signal' ? ending.name : 'an error'}`
  return new MojaboxError({
    code: 'command-failed',
    kind: 'step',
    message: `running ${argv[0]}: ${how}: ${end.split('\n').at(-1)}`,
    found: `${how}\n${end}`,
    needed: `exit code ${(options.okCodes ?? [0]).join(' or ')}`,
    next: `run it by hand to see more: ${pasteable(argv)}`,
  })
}

function notStarted(argv: string[], error: NodeJS.ErrnoException, cwd: string | undefined): MojaboxError {
  const folderMissing = cwd !== undefined && !existsSync(cwd)
  const missing = error.code === 'ENOENT' && !folderMissing
  return new MojaboxError(
    {
      code: missing ? 'command-missing' : 'command-failed',
      kind: 'step',
      message: missing
        ? `running ${argv[0]}: there is no such program on this machine`
        : `running ${argv[0]}: it could not be started: ${folderMissing ? `no folder ${cwd}` : error.message}`,
      found: error.code ?? error.message,
      needed: `${argv[0]} on PATH, executable`,
      next: `install the package that has ${argv[0]}, then try: ${pasteable(argv)}`,
    },
    { cause: error },
  )
}

function timedOut(argv: string[], timeoutMs: number, stderr: string): MojaboxError {
  return new MojaboxError({
    code: 'command-timeout',
    kind: 'step',
    message: `running ${argv[0]}: not finished after ${timeoutMs / 1000} s, stopped`,
    found: lastLines(stderr) || '(nothing on stderr)',
    needed: `an end within ${timeoutMs / 1000} s`,
    next: `see whether it ends by hand: ${pasteable(argv)}`,
  })
}

function interrupted(argv: string[]): MojaboxError {
  return new MojaboxError({
    code: 'interrupted',
    kind: 'interrupted',
    message: `running ${argv[0]}: interrupted`,
    next: 'run the same mojabox command again: it goes on where it stopped',
  })
}

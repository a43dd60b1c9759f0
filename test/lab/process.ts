import { spawn } from 'node:child_process'
import { mkdirSync, openSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { $ } from 'zx/core'

export interface RunOptions {
  /** Text or bytes for the command's standard input; without it the input is empty. */
  input?: string | Buffer
  /** Added to this process's environment. */
  env?: Record<string, string>
  cwd?: string
  /** Ends the command (SIGTERM) and rejects after this long; without it there is no limit. */
  timeoutMs?: number
  /** Return a failing command's result instead of throwing. */
  allowFailure?: boolean
}

export interface RunResult {
  stdout: string
  stderr: string
  exitCode: number
}

/**
 * Runs a command given as an argument vector and waits for it.
 *
 * @throws Error with the command, its exit code and the end of its output, unless `allowFailure`.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { input = '', env, cwd, timeoutMs, allowFailure = false } = options
  const shell = $({
    quiet: true,
    nothrow: true,
    input,
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  })
  const { stdout, stderr, exitCode, signal } = await shell`${argv}`
  if (exitCode !== 0 && !allowFailure) {
    const outcome = exitCode === null ? `was ended by ${signal}` : `exited with ${exitCode}`
    throw new Error(`running a command: ${outcome}: ${argv.join(' ')}\n${lastLines(`${stdout}\n${stderr}`, 25)}`)
  }
  return { stdout, stderr, exitCode: exitCode ?? -1 }
}

/** Whether a command can be run and exits with 0. */
export async function succeeds(argv: readonly string[], options: RunOptions = {}): Promise<boolean> {
  return (await run(argv, { ...options, allowFailure: true })).exitCode === 0
}

export interface DaemonOptions {
  logPath: string
  /** The daemon's process id is written here, for whoever has to end it. */
  pidPath: string
}

/** Starts a process that outlives this one, in a session of its own, with its output in a file. */
export function startDaemon(argv: readonly [string, ...string[]], { logPath, pidPath }: DaemonOptions): void {
  const [command, ...args] = argv
  mkdirSync(dirname(logPath), { recursive: true })
  const log = openSync(logPath, 'a')
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], cwd: '/' })
  if (child.pid !== undefined) writeFileSync(pidPath, `${child.pid}\n`)
  // A missing binary is reported by whoever waits for the daemon to answer; here it must not crash the lab.
  child.on('error', () => {})
  child.unref()
}

function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('\n')
}

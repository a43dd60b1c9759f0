import { spawn } from 'node:child_process'
import { NODE_PATHS } from '../contract/paths.ts'
import { makeFolder } from '../store/make-folder.ts'
import type { ReentryArgv } from './reentry.ts'

/** Longest a whole validation may take, milliseconds. */
const LIMIT_MS = 180_000
/** One validation at a time on a node: they count on the balances of the same test accounts. */
const LOCK = `${NODE_PATHS.locks}/validation`
/** How `flock` tells that the lock was not to be had in time. */
export const LOCK_BUSY = 75

export interface Ended {
  code: number | null
  stdout: string
  /** Its last 4 KiB. */
  stderr: string
}

/**
 * Validates in a process of its own, which saves its report and prints it: what it loads goes with it, so that the
 * agent stays small. (This file loads nothing for the same reason.)
 */
export async function runValidation(
  reentry: ReentryArgv,
  levels: string[],
  run: string,
  signal: AbortSignal,
): Promise<Ended> {
  const inner = reentry(['node', 'validate', '--run', run, ...levels.flatMap((level) => ['--level', level])])
  // The agent's unit makes it the agent's each time that it starts.
  await makeFolder(NODE_PATHS.reports)
  await makeFolder(NODE_PATHS.locks, 0o700)
  // Without a fork the validation itself holds the lock, and is what a signal or the time limit ends.
  const argv = ['--no-fork', '--wait', '120', '--conflict-exit-code', String(LOCK_BUSY), LOCK, ...inner]
  return runChild('flock', argv, signal)
}

/** Runs a program to its end. @throws when it cannot be started or the signal ends it */
export async function runChild(program: string, argv: string[], signal: AbortSignal): Promise<Ended> {
  const child = spawn(program, argv, { stdio: ['ignore', 'pipe', 'pipe'], signal, timeout: LIMIT_MS })
  child.stdout.setEncoding('utf8')
  child.stderr.setEncoding('utf8')
  const ended: Ended = { code: null, stdout: '', stderr: '' }
  child.stdout.on('data', (piece) => {
    ended.stdout += piece
  })
  child.stderr.on('data', (piece) => {
    ended.stderr = (ended.stderr + piece).slice(-4096)
  })
  ended.code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  return ended
}

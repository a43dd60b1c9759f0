import type { Event } from '../../../agent/contract/events.ts'
import { TRUSTED_KEY } from '../../lab/artifacts.ts'
import type { Bench } from './bench.ts'
import { startCommand } from './command.ts'
import type { BenchNode } from './node.ts'

/** An event with the seconds since the command was started at which the desk had it. */
export type TimedEvent = Event & { afterSeconds: number }

export interface InstallRun {
  events: TimedEvent[]
  /** From the start of the command to its end. */
  seconds: number
}

/** Returned by a listener that has seen enough: the run is killed, as its node is to be removed anyway. */
export const STOP = Symbol('stop')

/** @param pid of the command, which is still there */
export type Listener = (event: TimedEvent, pid: number) => typeof STOP | undefined

/**
 * Runs `mojabox install` against nodes over SSH.
 * @throws Error with what went wrong on the way
 */
export async function runInstall(
  bench: Bench,
  on: BenchNode | readonly BenchNode[],
  onEvent: Listener = () => undefined,
): Promise<InstallRun> {
  const profile = bench.profile === undefined ? [] : ['--profile', bench.profile]
  const startedAt = performance.now()
  const secondsSoFar = () => (performance.now() - startedAt) / 1000
  const command = startCommand(bench, on, ['install', '--bundle', bench.bundle, '--trust', TRUSTED_KEY, ...profile])
  const events: TimedEvent[] = []
  let stopped = false
  for await (const event of command.events) {
    const timed = { ...event, afterSeconds: secondsSoFar() }
    events.push(timed)
    stopped = onEvent(timed, command.child.pid ?? 0) === STOP
    if (!stopped) continue
    command.child.kill('SIGKILL')
    // The line that it was writing may be half.
    break
  }
  const code = await command.ended
  if (code !== 0 && !stopped) throw new Error(`mojabox install: exit code ${code}: ${lastError(events)}`)
  return { events, seconds: secondsSoFar() }
}

/**
 * An install with nothing to do, on any of the nodes.
 * @throws Error when it did something
 */
export async function runAgain(bench: Bench, on: BenchNode | readonly BenchNode[]): Promise<InstallRun> {
  const run = await runInstall(bench, on)
  const { events } = run
  const unchanged = events.filter((event) => event.type === 'run-finished' && event.changed === 0)
  if (unchanged.length !== [on].flat().length) {
    const steps = events.flatMap((event) => (event.type === 'step-done' && event.changed ? [event.id] : []))
    throw new Error(`installing again changed something: ${steps.join(', ') || 'no end of the run'}`)
  }
  return run
}

function lastError(events: TimedEvent[]): string {
  const failed = events.findLast((event) => event.type === 'run-finished')
  return failed?.error ? `${failed.error.message}: ${failed.error.found}` : 'it says nothing more'
}

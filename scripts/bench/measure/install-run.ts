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

/**
 * Runs `mojabox install` against a node over SSH.
 * @throws Error with what went wrong on the way
 */
export async function runInstall(
  bench: Bench,
  node: BenchNode,
  onEvent: (event: Event) => typeof STOP | undefined = () => undefined,
): Promise<InstallRun> {
  const profile = bench.profile === undefined ? [] : ['--profile', bench.profile]
  const startedAt = performance.now()
  const secondsSoFar = () => (performance.now() - startedAt) / 1000
  const command = startCommand(bench, node, ['install', '--bundle', bench.bundle, '--trust', TRUSTED_KEY, ...profile])
  const events: TimedEvent[] = []
  let stopped = false
  for await (const event of command.events) {
    events.push({ ...event, afterSeconds: secondsSoFar() })
    stopped = onEvent(event) === STOP
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
 * Seconds of an install with nothing to do.
 * @throws Error when it did something
 */
export async function runAgain(bench: Bench, node: BenchNode): Promise<number> {
  const { events, seconds } = await runInstall(bench, node)
  const finished = events.find((event) => event.type === 'run-finished')
  if (finished?.changed !== 0) {
    const steps = events.flatMap((event) => (event.type === 'step-done' && event.changed ? [event.id] : []))
    throw new Error(`installing again changed something: ${steps.join(', ') || 'no end of the run'}`)
  }
  return seconds
}

function lastError(events: TimedEvent[]): string {
  const failed = events.findLast((event) => event.type === 'run-finished')
  return failed?.error ? `${failed.error.message}: ${failed.error.found}` : 'it says nothing more'
}

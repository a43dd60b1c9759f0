import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Event } from '../../../agent/contract/events.ts'
import type { Bench } from './bench.ts'
import type { BenchNode } from './node.ts'

/** A command of mojabox at the desk, at work on nodes over SSH. */
export interface Command {
  child: ChildProcess
  /** As they come, until it ends. */
  events: AsyncIterable<Event>
  /** Its exit code; null when a signal ended it. */
  ended: Promise<number | null>
}

export function startCommand(bench: Bench, on: BenchNode | readonly BenchNode[], words: string[]): Command {
  const nodes = [on].flat()
  const hosts = nodes.flatMap(({ name, ip }) => ['--host', `${name}=ops@${ip}`])
  const args = [...words, ...hosts, '--identity', bench.key.privateKeyPath, '--accept-new-host-keys', '--json']
  const env = { ...process.env, HOME: bench.folder }
  const child = spawn(bench.executable, args, { cwd: nodes[0]?.folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('exit', resolve))
  return { child, events: eventsOf(child.stdout), ended }
}

async function* eventsOf(stdout: Readable): AsyncIterable<Event> {
  for await (const line of createInterface({ input: stdout })) yield JSON.parse(line)
}

import type { LogLine } from '../../agent/contract/node-answer.ts'
import type { Io } from '../cli/io.ts'
import { lookOf } from './look.ts'

/** A service's line for a person, its origin in front; or, as JSON, one object a line. */
export function logLineRenderer(
  io: Pick<Io, 'isTty' | 'env'>,
  { hosts, json }: { hosts: boolean; json: boolean },
): (host: string, line: LogLine) => string {
  const { paint } = lookOf(io)
  let width = 0
  return (host, { service, at, text }) => {
    if (json) return `${JSON.stringify({ host, service, at, text })}\n`
    const origin = hosts ? `${host} ${service}` : service
    width = Math.max(width, origin.length)
    return `${paint('dim', `${origin.padEnd(width)} |`)} ${text}\n`
  }
}

import type { LogLine } from '../../agent/contract/node-answer.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Io } from '../cli/io.ts'
import type { SiteOptions } from '../cli/site-options.ts'
import { eachHost, outcomeError } from '../fleet/each-host.ts'
import { logLineRenderer } from '../render/log-line.ts'
import { askNode } from './ask-node.ts'
import { siteOrThisNode } from './one-host.ts'
import { reachOf, resolveSite } from './resolve-site.ts'

export interface LogsOptions extends SiteOptions {
  follow?: boolean
  tail: string
  since?: string
}

/** The services' words of every host of the site; each host in order of time. @throws MojaboxError */
export async function showLogs(services: string[], options: LogsOptions, io: Io): Promise<void> {
  const resolved = await resolveSite(await siteOrThisNode(options), io)
  const args = logArguments(services, options)
  const { hosts, parallel } = resolved.site
  const render = logLineRenderer(io, { hosts: hosts.length > 1, json: options.json === true })
  const reach = await reachOf(resolved, options, io)
  const outcomes = await eachHost(
    hosts,
    // Whoever follows wants to see them all at once.
    options.follow ? hosts.length : parallel,
    async (host) => {
      const connection = await reach(host, io.signal)
      const say = (line: LogLine) => io.stdout(render(host.name, line))
      try {
        await askNode(connection, args, (answer) => (answer.type === 'log' ? say(answer) : undefined), {
          signal: io.signal,
        })
      } finally {
        await connection.close()
      }
    },
    io.signal,
  )
  // Ctrl-C is how one stops following.
  if (options.follow && io.signal.aborted) return
  const failure = outcomeError(outcomes)
  if (failure !== undefined) throw failure
}

/** @throws MojaboxError `logs-options` */
export function logArguments(services: string[], { follow, tail, since }: LogsOptions): string[] {
  if (!/^(all|\d+)$/.test(tail)) throw unfit('--tail', tail, 'a number of lines, or `all`', '--tail 200')
  if (since !== undefined && !/^(\d+[smh])+$/.test(since) && Number.isNaN(Date.parse(since)))
    throw unfit('--since', since, 'an age such as 90s, 10m or 2h, or a time in ISO 8601', '--since 10m')
  return [
    'logs',
    '--tail',
    tail,
    ...(since === undefined ? [] : ['--since', /[smh]$/.test(since) ? since : new Date(since).toISOString()]),
    ...(follow ? ['--follow'] : []),
    ...services.flatMap((service) => ['--service', service]),
  ]
}

function unfit(flag: string, found: string, needed: string, example: string): MojaboxError {
  return new MojaboxError({
    code: 'logs-options',
    kind: 'usage',
    message: `reading ${flag}: ${JSON.stringify(found)} is not one`,
    found,
    needed,
    next: `mojabox logs ${example}`,
  })
}

import { readNodeState } from '../../agent/service/status.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import { nearestNames } from '../../bundles/format/nearest.ts'
import type { Io } from '../cli/io.ts'
import { DEFAULT_SITE_FILE, type SiteOptions } from '../cli/site-options.ts'
import type { Connection } from '../fleet/connection.ts'
import { type Host, LOCAL } from '../site/site.ts'
import { exists, type ResolvedSite, reachOf, resolveSite } from './resolve-site.ts'

export interface OneHostOptions extends SiteOptions {
  on?: string
}

/** The options as they are; on a node, where they name no site, those of the node itself. */
export async function siteOrThisNode<O extends SiteOptions>(options: O): Promise<O> {
  const named = options.file !== undefined || options.host !== undefined || (await exists(DEFAULT_SITE_FILE))
  if (named || !(await readNodeState().catch(() => undefined))) return options
  return { ...options, host: [LOCAL] }
}

/** A site's one host, or the one that `--on` names. @throws MojaboxError `host-choice` */
export function chooseHost(hosts: readonly Host[], on: string | undefined): Host {
  const names = hosts.map(({ name }) => name)
  const found = on === undefined ? (hosts.length === 1 ? hosts[0] : undefined) : hosts.find(({ name }) => name === on)
  if (found) return found
  const nearest = on === undefined ? undefined : nearestNames(on, names)[0]
  throw new MojaboxError({
    code: 'host-choice',
    kind: 'usage',
    message: on === undefined ? 'the site has several hosts; this command works on one' : `the site has no host ${on}`,
    found: on ?? names.join(', '),
    needed: `--on with one of ${names.join(', ')}`,
    next: `run the same command again with --on ${nearest ?? names[0]}`,
  })
}

/** Reaches the one host, and closes the connection after the work. */
export async function onOneHost<T>(
  options: OneHostOptions,
  io: Io,
  work: (connection: Connection, host: Host, resolved: ResolvedSite) => Promise<T>,
): Promise<T> {
  const resolved = await resolveSite(await siteOrThisNode(options), io)
  const host = chooseHost(resolved.site.hosts, options.on)
  const reach = await reachOf(resolved, options, io)
  const connection = await reach(host, io.signal)
  try {
    return await work(connection, host, resolved)
  } finally {
    await connection.close()
  }
}

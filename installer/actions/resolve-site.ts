import { access, readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { resolve } from 'node:path'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Io } from '../cli/io.ts'
import { DEFAULT_SITE_FILE, type SiteOptions } from '../cli/site-options.ts'
import { openHostKeys, pinPathOf, type UnknownKey } from '../fleet/host-keys.ts'
import { connectHost, reachHost } from '../fleet/reach-host.ts'
import { loadSite } from '../site/load-site.ts'
import { createSecrets, type SecretQuestion } from '../site/secret.ts'
import type { Site } from '../site/site.ts'
import { siteFromFlags } from '../site/site-from-flags.ts'
import { createPrompter } from '../wizard/create-prompter.ts'
import type { Prompter } from '../wizard/prompter.ts'
import type { Reach } from './run-site.ts'

export interface ResolvedSite {
  site: Site
  /** Where `.mojabox/` lies. */
  folder: string
}

/**
 * The site that the options name: a file's, or made of flags.
 * @throws MojaboxError kind usage
 */
export async function resolveSite(options: SiteOptions, io: Io): Promise<ResolvedSite> {
  if (options.host) {
    if (options.file) throw usage('--host and -f exclude each other', 'both', 'one of them', 'leave one out')
    const folder = process.cwd()
    const { host, bundle = '-', ...rest } = options
    const site = siteFromFlags({ ...rest, hosts: host, bundle }, { user: io.env.USER ?? userInfo().username, folder })
    return { site, folder }
  }
  const path = options.file ?? DEFAULT_SITE_FILE
  if (!options.file && !(await exists(path))) {
    throw usage(
      'no site named',
      `no ${DEFAULT_SITE_FILE} in this folder`,
      'a site file, or --host',
      'mojabox install --host ops@10.0.0.7 --bundle hub.tar --trust release.key.pub   (or: -f FILE)',
    )
  }
  const { site, folder } = await loadSite(path)
  const overrides = {
    ...(options.bundle && { bundle: resolve(options.bundle) }),
    ...(options.base && { base: resolve(options.base) }),
    ...(options.allowUnsigned && { allowUnsigned: true }),
    ...(options.trust && { trust: options.trust.map((path) => resolve(path)) }),
    ...(options.profile && { profile: options.profile }),
    ...(options.parallel && { parallel: options.parallel }),
    ...(options.sudoPassword && {
      hosts: site.hosts.map((host) => ({ ...host, sudo: { password: options.sudoPassword as string } })),
    }),
  }
  return { site: { ...site, ...overrides }, folder }
}

/** How this site's hosts are reached as root: keys, secrets and pins, asking on a terminal only. */
export async function reachOf(resolved: ResolvedSite, options: SiteOptions, io: Io): Promise<Reach> {
  const around = await surroundings(resolved, options, io)
  return (host, signal) => reachHost(host, { ...around, signal })
}

/** The same without root's rights: as the user that the site names, for what every user may look at. */
export async function reachAsUserOf(resolved: ResolvedSite, options: SiteOptions, io: Io): Promise<Reach> {
  const around = await surroundings(resolved, options, io)
  return (host, signal) => connectHost(host, { ...around, signal })
}

async function surroundings({ folder }: ResolvedSite, options: SiteOptions, io: Io) {
  const ask = io.canAsk && !options.json
  let loaded: Promise<Prompter> | undefined
  const prompter = () => {
    loaded ??= createPrompter(io)
    return loaded
  }
  const askKey = async (key: UnknownKey) => (await prompter()).askKey(key)
  const askSecret = async (question: SecretQuestion) => (await prompter()).askSecret(question)
  const hostKeys = await openHostKeys({
    pinPath: pinPathOf(folder),
    onUnknownKey: options.acceptNewHostKeys ? async () => true : ask ? askKey : undefined,
  })
  const secrets = createSecrets({
    env: io.env,
    readFile: (path) => readFile(path, 'utf8'),
    ask: ask ? askSecret : undefined,
  })
  return { hostKeys, secrets, env: io.env }
}

export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function usage(message: string, found: string, needed: string, next: string): MojaboxError {
  return new MojaboxError({ code: 'usage', kind: 'usage', message, found, needed, next })
}

import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { access } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { MojaboxError } from '../../bundles/format/error.ts'
import { pinPathOf } from '../fleet/host-keys.ts'
import { reachHost } from '../fleet/reach-host.ts'
import { createSecrets } from '../site/secret.ts'
import { loadSite } from '../site/load-site.ts'
import { siteFromFlags } from '../site/site-from-flags.ts'
import type { Site } from '../site/site.ts'
import type { Reach } from '../actions/run-site.ts'
import { askKey, askSecret } from '../wizard/questions.ts'
import type { Io } from './io.ts'

/** The options of every command that works on a site's hosts. */
export interface SiteOptions {
  file?: string
  host?: string[]
  bundle?: string
  profile?: string
  identity?: string
  jump?: string
  passphrase?: string
  password?: string
  sudoPassword?: string
  askSudoPassword?: boolean
  acceptNewHostKeys?: boolean
  parallel?: number
  executable?: string
  json?: boolean
}

export const DEFAULT_SITE_FILE = 'mojabox.yaml'

export function addSiteOptions(command: Command): Command {
  return command
    .option('-f, --file <FILE>', `site file (default: ./${DEFAULT_SITE_FILE})`)
    .option(
      '--host <HOST>',
      'instead of a site file: USER@ADDRESS[:PORT] or `local`; again for more',
      (value, earlier: string[] = []) => [...earlier, value],
    )
    .option('--bundle <FILE>', 'the bundle; over the site file’s')
    .option('--profile <NAME>', 'the profile; over the site file’s')
    .option('--identity <FILE>', 'with --host: the private key')
    .option('--jump <HOST>', 'with --host: reach the hosts through USER@ADDRESS[:PORT]')
    .option('--passphrase <REF>', 'with --host: the key’s passphrase, as env:NAME or file:PATH')
    .option('--password <REF>', 'with --host: the login password, as env:NAME or file:PATH')
    .option('--sudo-password <REF>', 'the sudo password, as env:NAME or file:PATH')
    .option('--ask-sudo-password', 'ask for the sudo password once')
    .option('--accept-new-host-keys', 'pin host keys seen for the first time without asking')
    .option('--parallel <N>', 'hosts at once', (value) => Number.parseInt(value, 10))
    .option('--json', 'print events as JSON, one a line')
    .addOption(new Option('--executable <FILE>', 'send this executable to the hosts').hideHelp())
}

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
      'mojabox install --host ops@10.0.0.7 --bundle mojabox-bundle.tar   (or: -f FILE)',
    )
  }
  const { site, folder } = await loadSite(path)
  const overrides = {
    ...(options.bundle && { bundle: resolve(options.bundle) }),
    ...(options.profile && { profile: options.profile }),
    ...(options.parallel && { parallel: options.parallel }),
    ...(options.sudoPassword && {
      hosts: site.hosts.map((host) => ({ ...host, sudo: { password: options.sudoPassword as string } })),
    }),
  }
  return { site: { ...site, ...overrides }, folder }
}

/** How this site's hosts are reached: keys, secrets and pins, asking on a terminal only. */
export async function reachOf({ folder }: ResolvedSite, options: SiteOptions, io: Io): Promise<Reach> {
  const { openHostKeys } = await import('../fleet/host-keys.ts')
  const ask = io.canAsk && !options.json
  const hostKeys = await openHostKeys({
    pinPath: pinPathOf(folder),
    onUnknownKey: options.acceptNewHostKeys ? async () => true : ask ? askKey : undefined,
  })
  const secrets = createSecrets({
    env: io.env,
    readFile: (path) => readFile(path, 'utf8'),
    ask: ask ? askSecret : undefined,
  })
  return (host, signal) => reachHost(host, { hostKeys, secrets, signal, env: io.env })
}

export function siteFolder(path: string): string {
  return dirname(resolve(path))
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function usage(message: string, found: string, needed: string, next: string): MojaboxError {
  return new MojaboxError({ code: 'usage', kind: 'usage', message, found, needed, next })
}

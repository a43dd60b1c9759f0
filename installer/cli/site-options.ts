import { type Command, Option } from 'commander'
import { positiveInteger } from './bundle-options.ts'

/** The options of every command that works on a site's hosts. */
export interface SiteOptions {
  file?: string
  host?: string[]
  bundle?: string
  base?: string
  trust?: string[]
  allowUnsigned?: boolean
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
  quiet?: boolean
}

export const DEFAULT_SITE_FILE = 'mojabox.yaml'

export function addSiteOptions(command: Command): Command {
  return command
    .option('-f, --file <FILE>', `site file (default: ./${DEFAULT_SITE_FILE})`)
    .option('--host <HOST>', 'instead of a site file: USER@ADDRESS[:PORT] or `local`; again for more', again)
    .option('--bundle <FILE>', 'the bundle; over the site file’s')
    .option('--base <FILE>', 'with a bundle that is a delta: its base; over the site file’s')
    .option(
      '--trust <FILE>',
      'public key that must have signed the bundle; again for more, of which one must; over the site file’s',
      again,
    )
    .option('--allow-unsigned', 'go on with a bundle that nobody trusted signed; the report says so')
    .option('--profile <NAME>', 'the profile; over the site file’s')
    .option('--identity <FILE>', 'with --host: the private key')
    .option('--jump <HOST>', 'with --host: reach the hosts through USER@ADDRESS[:PORT]')
    .option('--passphrase <REF>', 'with --host: the key’s passphrase, as env:NAME or file:PATH')
    .option('--password <REF>', 'with --host: the login password, as env:NAME or file:PATH')
    .option('--sudo-password <REF>', 'the sudo password, as env:NAME or file:PATH')
    .option('--ask-sudo-password', 'ask for the sudo password once')
    .option('--accept-new-host-keys', 'pin host keys seen for the first time without asking')
    .option('--parallel <N>', 'hosts at once', positiveInteger)
    .option('--json', 'print events as JSON, one a line')
    .option('--quiet', 'only the result, and what went wrong')
    .addOption(new Option('--executable <FILE>', 'send this executable to the hosts').hideHelp())
}

/** Collects an option that may be given again. */
export function again(value: string, earlier: string[] = []): string[] {
  return [...earlier, value]
}

/** For commands that work on one host of several. */
export function addHostChoice(command: Command): Command {
  return command.option('--on <NAME>', 'the host, by its name in the site, where it has several')
}

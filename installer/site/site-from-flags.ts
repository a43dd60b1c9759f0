import { resolve } from 'node:path'
import type { z } from 'zod'
import { MojaboxError } from '../../bundles/format/error.ts'
import { LOCAL, Site } from './site.ts'

/** What the command line may say instead of a site file; absent fields take the file's defaults. */
export interface SiteFlags {
  /** `local`, `ops@10.0.0.7:22`, `10.0.0.7`, `ops@[fd00::7]:2222`; `name=…` in front gives the host a name. */
  hosts: readonly string[]
  site?: string | undefined
  deployment?: string | undefined
  profile?: string | undefined
  bundle: string
  base?: string | undefined
  trust?: readonly string[] | undefined
  allowUnsigned?: boolean | undefined
  identity?: string | undefined
  /** References: `env:NAME`, `file:PATH` or `ask`. */
  passphrase?: string | undefined
  password?: string | undefined
  sudoPassword?: string | undefined
  /** Ask once for the sudo password of all hosts. */
  askSudoPassword?: boolean | undefined
  agent?: boolean | undefined
  /** `ops@gateway:22` */
  jump?: string | undefined
  settings?: Record<string, unknown> | undefined
  skipChecks?: readonly string[] | undefined
  parallel?: number | undefined
}

/**
 * A site without a file. `user` is who logs in where a host names nobody (by habit of SSH, the person at the desk);
 * `folder` is where relative paths start.
 * @throws MojaboxError `flags-invalid`, kind usage
 */
export function siteFromFlags(flags: SiteFlags, defaults: { user: string; folder: string }): Site {
  const place = (path: string) => resolve(defaults.folder, path)
  const reference = (text: string) => (text.startsWith('file:') ? `file:${place(text.slice(5))}` : text)
  const login = {
    ...(flags.identity === undefined ? {} : { identityFile: place(flags.identity) }),
    ...(flags.passphrase === undefined ? {} : { passphrase: reference(flags.passphrase) }),
    ...(flags.agent === undefined ? {} : { agent: flags.agent }),
  }
  const password = flags.password === undefined ? {} : { password: reference(flags.password) }
  const sudoPassword = flags.sudoPassword ?? (flags.askSudoPassword === true ? 'ask' : undefined)
  const sudo = sudoPassword === undefined ? {} : { sudo: { password: reference(sudoPassword) } }
  const jump = flags.jump === undefined ? {} : { jump: { ...target(flags.jump, '--jump', defaults.user), ...login } }

  const hosts = flags.hosts.map((text) => {
    const { name, rest } = named(text)
    if (rest === LOCAL) return { name: name ?? LOCAL, address: LOCAL, ...sudo }
    const where = target(rest, '--host', defaults.user)
    return { name: name ?? hostName(where, flags.hosts), ...where, ...login, ...password, ...jump, ...sudo }
  })
  const result = Site.safeParse({
    version: 1,
    site: flags.site ?? 'site',
    deployment: flags.deployment ?? 'core-test-harness',
    profile: flags.profile ?? 'central-ledger',
    bundle: place(flags.bundle),
    ...(flags.base === undefined ? {} : { base: place(flags.base) }),
    ...(flags.trust === undefined ? {} : { trust: flags.trust.map(place) }),
    ...(flags.allowUnsigned === undefined ? {} : { allowUnsigned: flags.allowUnsigned }),
    hosts,
    ...(flags.settings === undefined ? {} : { settings: flags.settings }),
    ...(flags.skipChecks === undefined ? {} : { skipChecks: [...flags.skipChecks] }),
    ...(flags.parallel === undefined ? {} : { parallel: flags.parallel }),
  })
  if (result.success) return result.data
  throw refused(result.error)
}

function named(text: string): { name?: string; rest: string } {
  const at = text.indexOf('=')
  return at > 0 ? { name: text.slice(0, at), rest: text.slice(at + 1) } : { rest: text }
}

/** Where to log in. */
export interface Target {
  address: string
  port: number
  user: string
}

/** `ops@10.0.0.7:22` taken apart; undefined when it is no such thing. */
export function readTarget(text: string, defaultUser: string): Target | undefined {
  const match = /^(?:([^@\s]+)@)?(?:\[([^\]\s]+)\]|([^:@[\]\s]+)|([0-9a-fA-F:.]+))(?::(\d{1,5}))?$/.exec(text)
  const address = match?.[2] ?? match?.[3] ?? match?.[4]
  if (address === undefined) return undefined
  return { address, port: match?.[5] === undefined ? 22 : Number(match[5]), user: match?.[1] ?? defaultUser }
}

function target(text: string, flag: string, defaultUser: string): Target {
  const read = readTarget(text, defaultUser)
  if (read === undefined) {
    throw new MojaboxError({
      code: 'flags-invalid',
      kind: 'usage',
      message: `reading ${flag} ${JSON.stringify(text)}: not a host`,
      found: text,
      needed: '`local`, `ops@10.0.0.7`, `ops@10.0.0.7:22` or `ops@[fd00::7]:22`',
      next: `correct ${flag}, then run the command again`,
    })
  }
  return read
}

/** The address, with the port when several hosts share the address (forwarded ports). */
function hostName(where: { address: string; port: number }, hosts: readonly string[]): string {
  const name = where.address.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^-+/, 'host-')
  const shared = hosts.filter((text) => text.includes(where.address)).length > 1
  return shared && where.port !== 22 ? `${name}-${where.port}` : name
}

function refused(error: z.ZodError): MojaboxError {
  const rows = error.issues.map((issue) => `${issue.path.join('.')}: needed ${issue.message}`)
  return new MojaboxError(
    {
      code: 'flags-invalid',
      kind: 'usage',
      message: `reading the command line: ${rows.join('; ')}`,
      found: rows.length === 1 ? 'one value that cannot be used' : `${rows.length} values that cannot be used`,
      needed: rows[0],
      next: 'correct the flag, then run the command again; `mojabox help` lists them',
    },
    { cause: error },
  )
}

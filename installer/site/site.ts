import { z } from 'zod'
import { Settings } from '../../agent/contract/settings.ts'

const Name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'a name: letters, digits, `.`, `_`, `-`, at most 63 characters')
const Port = z.number().int().min(1).max(65535)
const Address = z.string().regex(/^[A-Za-z0-9:._%-]+$/, 'a host name or an IP address, without user or port')
const User = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.@\\-]*\$?$/, 'a user name on that host')
const Path = z.string().min(1, 'a path')

/** Where a secret is, never the secret: `env:NAME`, `file:PATH`, or `ask` (the person, once). */
export const SecretReference = z
  .string()
  .regex(
    /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|ask)$/,
    'a reference: env:NAME, file:PATH or ask; secrets are never written in this file',
  )
  .meta({ secret: true })
export type SecretReference = z.infer<typeof SecretReference>

const login = {
  address: Address,
  port: Port.default(22),
  user: User.optional(),
  /** A private key. Without it: the agent's keys, then ~/.ssh/id_ed25519, id_ecdsa, id_rsa. */
  identityFile: Path.optional(),
  passphrase: SecretReference.optional(),
  password: SecretReference.optional(),
  /** Whether the SSH agent may be asked; by default yes. */
  agent: z.boolean().optional(),
}

const Jump = z.strictObject({ ...login, user: User })
export type Jump = z.infer<typeof Jump>

export const Host = z
  .strictObject({
    name: Name,
    ...login,
    /** A host through which this one is reached. */
    jump: Jump.optional(),
    sudo: z.strictObject({ password: SecretReference }).optional(),
  })
  .superRefine((host, context) => {
    if (host.address !== LOCAL) {
      if (host.user !== undefined) return
      context.addIssue({ code: 'custom', path: ['user'], message: 'the user to log in as' })
      return
    }
    for (const key of ['user', 'identityFile', 'passphrase', 'password', 'agent', 'jump'] as const) {
      if (host[key] === undefined) continue
      context.addIssue({
        code: 'custom',
        path: [key],
        message: `nothing: \`local\` is this machine and takes no ${key}`,
      })
    }
  })
/** A machine we reach; `address` is `local` for this machine. Every other host has a `user`. */
export type Host = z.infer<typeof Host>

export const LOCAL = 'local'

/** The operator's file, `mojabox.yaml`, after defaults. Paths are as written; `loadSite` makes them absolute. */
export const Site = z.strictObject({
  version: z.literal(1),
  site: Name,
  deployment: z.enum(['core-test-harness']),
  profile: Name,
  bundle: Path,
  /** Of a bundle that is a delta: the bundle that it was built over. */
  base: Path.optional(),
  /** Public keys: one of them must have signed the bundle. */
  trust: z.array(Path).default([]),
  /** A bundle that none of them signed will do; reports say so. */
  allowUnsigned: z.boolean().default(false),
  hosts: z.array(Host).min(1, 'at least one host').superRefine(refuseTwins),
  settings: Settings.prefault({}),
  /** Compose files of the site's own, laid over the deployment's in this order. */
  composeOverrides: z.array(Path).default([]),
  skipChecks: z.array(z.string()).default([]),
  /** How many hosts at once. */
  parallel: z.number().int().min(1).max(64).default(8),
  /** Whether hosts pass on to each other what an install sends, so that it leaves the desk once. */
  seeding: z.boolean().default(true),
})
export type Site = z.infer<typeof Site>

/** One machine listed twice would be installed twice at once. */
function refuseTwins(hosts: readonly z.infer<typeof Host>[], context: z.RefinementCtx): void {
  const names = new Map<string, number>()
  const addresses = new Map<string, number>()
  hosts.forEach((host, index) => {
    const name = host.name.toLowerCase()
    const twin = names.get(name)
    if (twin === undefined) names.set(name, index)
    else
      context.addIssue({
        code: 'custom',
        path: [index, 'name'],
        message: `a name of its own: hosts[${twin}] has it too`,
      })

    const address = machineOf(host)
    const same = addresses.get(address)
    if (same === undefined) addresses.set(address, index)
    else
      context.addIssue({
        code: 'custom',
        path: [index, 'address'],
        message: `an address of its own: host \`${hosts[same]?.name}\` has it too`,
      })
  })
}

function machineOf(host: z.infer<typeof Host>): string {
  if (host.address === LOCAL) return LOCAL
  const through = host.jump === undefined ? '' : `${host.jump.address}:${host.jump.port} `
  return `${through}${host.address}:${host.port}`.toLowerCase()
}

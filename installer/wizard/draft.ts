import { z } from 'zod'
import { Settings } from '../../agent/contract/settings.ts'
import { Host, LOCAL } from '../site/site.ts'

/** The answers so far: what is remembered between two runs. No secrets, only references. */
export const Draft = z.object({
  where: z.enum(['here', 'hosts']).optional(),
  /** Reached over SSH; kept when the answer changes to this machine. */
  hosts: z.array(Host).default([]),
  /** A host that could not be reached yet. */
  pending: Host.optional(),
  purpose: z.string().optional(),
  profile: z.string().optional(),
  /** Absolute path. */
  bundle: z.string().optional(),
  /** Of a delta: where its base is, absolute; undefined where that is not at hand. */
  base: z.string().optional(),
  /** Public keys, of which one must have signed the bundle; absolute paths. */
  trust: z.array(z.string()).default([]),
  /** This bundle is taken without that. */
  allowUnsigned: z.boolean().default(false),
  ports: Settings.shape.ports,
})
export type Draft = z.infer<typeof Draft>

/** Hosts that the answers name. */
export function hostsOf({ where, hosts }: Pick<Draft, 'where' | 'hosts'>): Host[] {
  return where === 'here' ? [{ name: LOCAL, address: LOCAL, port: 22 }] : hosts
}

/** As a person writes it: `ops@10.0.0.7`, `this machine`. */
export function hostText({ address, port, user }: Host): string {
  if (address === LOCAL) return 'this machine'
  const place = address.includes(':') ? `[${address}]` : address
  return `${user}@${place}${port === 22 ? '' : `:${port}`}`
}

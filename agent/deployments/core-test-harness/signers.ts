import { HUB } from './definition.ts'
import type { Profile } from './profile.ts'

/**
 * The keys that a validation takes where messages are signed (FSPIOP, JWS), as names of the node's secrets, by who signs
 * with them: the private one of each test DFSP, which the agent plays, and the hub's public one.
 */
export function validationKeys({
  fspiop,
  provisioning,
}: Pick<Profile, 'fspiop' | 'provisioning'>): Map<string, string> {
  if (!fspiop?.jws || !fspiop.transfers || !provisioning) return new Map()
  const dfsps = provisioning.participants.map(({ name }): [string, string] => [name, `${keyPairOf(name)}-key`])
  return new Map([...dfsps, [HUB, `${keyPairOf(HUB)}-public`]])
}

/** What the definition calls the key pair of whoever has this name in `fspiop-source`. */
export function keyPairOf(name: string): string {
  return `jws-${name.toLowerCase()}`
}

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { type Host, LOCAL } from '../site/site.ts'

/** A host that may take from others, and the address at which they reach it. */
export interface SeedingHost {
  name: string
  address: string
}

/**
 * The hosts that can pass blobs on to each other: those that are reached over a network, where there are two or more.
 * Names are looked up here: the hosts may know no name server. Behind a jump host only those there know them.
 */
export async function seedingHosts(hosts: readonly Host[]): Promise<SeedingHost[]> {
  const found = await Promise.all(
    hosts
      .filter(({ address }) => address !== LOCAL)
      .map(async ({ name, address, jump }) => ({ name, address: jump ? address : await addressOf(address) })),
  )
  const remote = found.filter(({ address }) => !isLoopback(address))
  return remote.length > 1 ? remote : []
}

async function addressOf(name: string): Promise<string> {
  if (isIP(name) !== 0) return name
  return lookup(name).then(
    ({ address }) => address,
    () => name,
  )
}

/** Such as a forwarded port of a virtual machine: from another host it leads elsewhere. */
function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || address.startsWith('127.')
}

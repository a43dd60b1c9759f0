import { networkInterfaces } from 'node:os'
import { z } from 'zod'
import type { NetworkFacts } from '../contract/facts.ts'
import type { Socket } from './sockets.ts'
import { readText } from './text-file.ts'

export async function collectNetwork(sockets: readonly Socket[]): Promise<NetworkFacts> {
  const [routes, resolv, daemon] = await Promise.all(
    ['/proc/net/route', '/etc/resolv.conf', '/etc/docker/daemon.json'].map(readText),
  )
  return {
    interfaces: Object.entries(networkInterfaces()).map(([name, addresses]) => ({
      name,
      cidrs: (addresses ?? []).flatMap((one) => (one.family === 'IPv4' && one.cidr ? [one.cidr] : [])),
    })),
    routes: parseRoutes(routes ?? ''),
    peers: peersOf(sockets, resolv ?? ''),
    dockerPools: parseDockerPools(daemon ?? ''),
  }
}

const DaemonConfig = z.object({
  'default-address-pools': z.array(z.object({ base: z.string(), size: z.number().int() })),
})

/** The address ranges that Docker's daemon.json sets; empty when it sets none. */
export function parseDockerPools(text: string): NetworkFacts['dockerPools'] {
  try {
    return DaemonConfig.parse(JSON.parse(text))['default-address-pools']
  } catch {
    return []
  }
}

/** Reads /proc/net/route. */
export function parseRoutes(text: string): NetworkFacts['routes'] {
  const routes: NetworkFacts['routes'] = []
  for (const line of text.split('\n').slice(1)) {
    const [name, destination, gateway, , , , , mask] = line.trim().split(/\s+/)
    if (!name || !destination || !gateway || !mask) continue
    const bits = [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === '1').length
    const via = dotted(gateway)
    routes.push({ cidr: `${dotted(destination)}/${bits}`, interface: name, gateway: via === '0.0.0.0' ? null : via })
  }
  return routes
}

/** The kernel prints an address as one number in its own (little-endian) byte order. */
function dotted(hex: string): string {
  return [...Buffer.from(hex, 'hex')].reverse().join('.')
}

/** IPv4 addresses of the name servers and of whoever is connected, this machine itself left out. */
export function peersOf(sockets: readonly Socket[], resolvConf: string): string[] {
  const connected = sockets.filter((one) => one.state === 'established').map((one) => one.remoteAddress)
  const servers = [...resolvConf.matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '')
  const own = new Set(sockets.filter((one) => one.state === 'established').map((one) => one.address))
  return [...new Set([...connected, ...servers])].filter(
    (address) => /^\d+(\.\d+){3}$/.test(address) && !address.startsWith('127.') && !own.has(address),
  )
}

import { labNetwork } from './network.ts'
import { run, succeeds } from './process.ts'

export interface Egress {
  packets: number
  bytes: number
}

/**
 * Starts to count, from zero, the packets that an address of the lab's network sends to somewhere outside of it. They
 * are counted on this machine, as they arrive from the node, so that the node itself is left as it is; they go no
 * further. What containers on the node send counts for the node. Multicast and broadcast, which never cross a router,
 * do not count.
 */
export async function countEgress(ip: string): Promise<void> {
  await stopCountingEgress(ip)
  await run(['iptables', '--wait', ...table, '-A', 'PREROUTING', ...rule(ip)])
}

/** What has tried to leave since `countEgress`. @throws Error when nothing counts for this address. */
export async function egressPackets(ip: string): Promise<Egress> {
  const { stdout } = await run(['iptables', '--wait', ...table, '-nvxL', 'PREROUTING'])
  const line = stdout.split('\n').find((each) => each.includes(`/* ${comment(ip)} */`))
  if (line === undefined) throw new Error(`reading the egress of ${ip}: not being counted`)
  const [packets, bytes] = line.trim().split(/\s+/)
  return { packets: Number(packets), bytes: Number(bytes) }
}

export async function stopCountingEgress(ip: string): Promise<void> {
  while (await succeeds(['iptables', '--wait', ...table, '-D', 'PREROUTING', ...rule(ip)])) {
    // Once for each time that it was added.
  }
}

const table = ['-t', 'raw']

function comment(ip: string): string {
  return `mojabox-lab egress of ${ip}`
}

function rule(ip: string): string[] {
  const from = ['-i', labNetwork.bridge, '-s', ip, '!', '-d', labNetwork.subnet]
  const routable = ['-m', 'addrtype', '!', '--dst-type', 'MULTICAST,BROADCAST']
  return [...from, ...routable, '-m', 'comment', '--comment', comment(ip)]
}

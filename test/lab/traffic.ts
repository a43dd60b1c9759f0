import { labNetwork } from './network.ts'
import { run } from './process.ts'

/**
 * Counts, from zero, what a node receives from this machine and from the other nodes, in the node's own network; whole
 * packets. The rules go with the node's network, or with `restart`.
 */
export async function countReceived(pid: number): Promise<void> {
  for (const rule of [FROM_HERE, FROM_NETWORK]) await inNetwork(pid, '-A', 'INPUT', ...rule)
}

/** Bytes since `countReceived`. @throws Error when nothing counts there */
export async function receivedFrom(pid: number): Promise<{ hereBytes: number; nodesBytes: number }> {
  const rows = (await inNetwork(pid, '-nvxL', 'INPUT')).split('\n')
  const bytes = (comment: string) => {
    const row = rows.find((each) => each.includes(`/* ${comment} */`))
    if (row === undefined) throw new Error(`reading what a node receives: nothing counts ${comment}`)
    return Number(row.trim().split(/\s+/)[1])
  }
  const hereBytes = bytes('from here')
  return { hereBytes, nodesBytes: bytes('from the network') - hereBytes }
}

/** From now on the node hears nothing of other nodes, as behind a firewall that drops. */
export async function dropNodes(pid: number): Promise<void> {
  for (const rule of [
    ['-s', labNetwork.subnet, '-j', 'DROP'],
    ['-s', labNetwork.gateway, '-j', 'ACCEPT'],
  ])
    await inNetwork(pid, '-I', 'INPUT', ...rule)
}

/** From now on no more than that gets from the node to other nodes, in words of `iptables` such as `64kb/s`; the rest is lost. */
export async function thinToNodes(pid: number, rate: string): Promise<void> {
  const above = ['-m', 'hashlimit', '--hashlimit-above', rate, '--hashlimit-name', 'thin']
  for (const rule of [
    ['-d', labNetwork.subnet, ...above, '-j', 'DROP'],
    ['-d', labNetwork.gateway, '-j', 'ACCEPT'],
  ])
    await inNetwork(pid, '-I', 'OUTPUT', ...rule)
}

const FROM_HERE = ['-s', labNetwork.gateway, '-m', 'comment', '--comment', 'from here']
const FROM_NETWORK = ['-s', labNetwork.subnet, '-m', 'comment', '--comment', 'from the network']

async function inNetwork(pid: number, ...args: string[]): Promise<string> {
  const argv = ['nsenter', '--target', String(pid), '--net', 'iptables', '--wait', ...args]
  return (await run(argv)).stdout
}

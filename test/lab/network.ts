import { docker, labLabel } from './docker.ts'
import { run, succeeds } from './process.ts'

/** The lab's closed site network: nodes reach each other and this machine, and nothing else. */
export const labNetwork = {
  name: 'mojabox-lab',
  subnet: '10.77.0.0/24',
  /** This machine's own address in it, and the nodes' default gateway; it forwards nothing. */
  gateway: '10.77.0.1',
  bridge: 'mojabox-lab0',
} as const

/** Makes the nodes' network unless it is there. Its addresses .2 to .9 are left free for a test's own use. */
export async function ensureNetwork(): Promise<void> {
  if (await succeeds(['docker', 'network', 'inspect', labNetwork.name])) return
  await docker([
    'network',
    'create',
    '--internal',
    '--subnet',
    labNetwork.subnet,
    '--gateway',
    labNetwork.gateway,
    '--opt',
    `com.docker.network.bridge.name=${labNetwork.bridge}`,
    '--label',
    labLabel,
    labNetwork.name,
  ])
}

/**
 * Pulls a running node's network cable at the switch: the node sees its link up and its peers silent, as with a
 * firewall that drops, and no rule is left in the node. A restart of the node plugs it in again.
 */
export async function cutNetwork(name: string): Promise<void> {
  await run(['ip', 'link', 'set', await hostLink(name), 'nomaster'])
}

export async function restoreNetwork(name: string): Promise<void> {
  await run(['ip', 'link', 'set', await hostLink(name), 'master', labNetwork.bridge])
}

/** Has no more than that pass to a node, in words of `tc` such as `1mbit`, until `unshapeNetwork` or its restart. */
export async function shapeNetwork(name: string, rate: string): Promise<void> {
  const queue = ['root', 'tbf', 'rate', rate, 'burst', '16kb', 'latency', '400ms']
  await run(['tc', 'qdisc', 'replace', 'dev', await hostLink(name), ...queue])
}

export async function unshapeNetwork(name: string): Promise<void> {
  await run(['tc', 'qdisc', 'delete', 'dev', await hostLink(name), 'root'])
}

/**
 * Has no more than that pass from this machine to all nodes together, as over one cable at a desk, until `unshapeDesk`;
 * what nodes send to each other passes the bridge beside that.
 */
export async function shapeDesk(rate: string): Promise<void> {
  const queue = ['root', 'tbf', 'rate', rate, 'burst', '64kb', 'latency', '60ms']
  await run(['tc', 'qdisc', 'replace', 'dev', labNetwork.bridge, ...queue])
}

/** Does nothing where nothing is held back. */
export async function unshapeDesk(): Promise<void> {
  await run(['tc', 'qdisc', 'delete', 'dev', labNetwork.bridge, 'root'], { allowFailure: true })
}

/** This machine's end of the virtual cable to a node. */
async function hostLink(name: string): Promise<string> {
  const pid = await docker(['inspect', '--format', '{{.State.Pid}}', `mojabox-lab-${name}`])
  const { stdout } = await run(['nsenter', '--target', pid, '--net', 'ip', '-o', 'link', 'show', 'type', 'veth'])
  // "12: eth0@if13: ..." is the cable's end in the node. Containers inside the node have links too, but not to here.
  const peer = /: eth\d+@if(\d+):/.exec(stdout)?.[1]
  const links = await run(['ip', '-o', 'link', 'show'])
  const link = new RegExp(`^${peer}: ([^@:]+)`, 'm').exec(links.stdout)?.[1]
  if (peer === undefined || link === undefined)
    throw new Error(`finding the link of node ${name}: none on this machine`)
  return link
}

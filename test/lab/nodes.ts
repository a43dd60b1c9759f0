import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { createDisk, removeDisk } from './disk.ts'
import { docker, labLabel } from './docker.ts'
import { stopCountingEgress } from './egress.ts'
import { labNetwork } from './network.ts'
import { type NodeSuite, nodeImage } from './node-image.ts'
import { type RunOptions, type RunResult, run } from './process.ts'
import { waitFor } from './wait.ts'

export interface NodeOptions {
  /** Host name; the container is called `mojabox-lab-<name>`. */
  name: string
  suite?: NodeSuite
  /** In place of the suite's own image: one that is built on it. */
  image?: string
  /** A fixed address in the lab's network; a free one is taken without it. */
  ip?: string
  /** Put into the `authorized_keys` of root, ops, sudoer and nosudo. */
  publicKey: string
  /** Password of the user sudoer, for sudo and for SSH; without it that user cannot use either. */
  sudoPassword?: string
  memoryBytes?: number
  /** Gives `diskMountPath` a filesystem of its own of this size. */
  diskBytes?: number
  /** Default `/var/lib/docker`. */
  diskMountPath?: string
  /** More `docker run` flags, such as `--cpus=0.5` or `--tmpfs=/srv:size=1m`. */
  flags?: readonly string[]
}

export interface LabNode {
  name: string
  ip: string
  /** Process id, on this machine, of the node's systemd; another one after each reboot. */
  pid: number
}

/** Tells nodes from other containers of lab images, which inherit the general label from their image. */
const addressLabel = 'org.mojabox.lab.ip'

/** Folders that are volumes in each node: the outer machine's layered filesystem cannot carry another one on top. */
export const nodeVolumes = ['/var/lib/docker', '/var/lib/containerd'] as const

/**
 * Starts a node and waits until it accepts SSH and systemd has finished booting (2 to 3 s).
 *
 * @throws Error when a node of that name exists, or when it is not up after a minute.
 */
export async function startNode(options: NodeOptions): Promise<LabNode> {
  const { name, suite = 'trixie', publicKey, sudoPassword = '' } = options
  if ((await listNodes()).includes(name)) throw new Error(`starting node ${name}: there is one of that name already`)
  const ip = await runOnFreeAddress(options, options.image ?? nodeImage(suite).tag)
  try {
    await nodeExec(name, ['sh', '-euc', accessScript], { input: `${publicKey}\n${sudoPassword}\n` })
    return await untilUp(name, ip)
  } catch (error) {
    await removeNode(name)
    throw error
  }
}

/** Reads the public key and the password from standard input: neither belongs in a process list. */
const accessScript = `
  read -r key; IFS= read -r password
  for user in root ops sudoer nosudo; do
    home=$(getent passwd "$user" | cut -d: -f6)
    install -d -m 700 -o "$user" -g "$user" "$home/.ssh"
    printf '%s\\n' "$key" > "$home/.ssh/authorized_keys"
    chown "$user:" "$home/.ssh/authorized_keys"; chmod 600 "$home/.ssh/authorized_keys"
  done
  if [ -n "$password" ]; then printf 'sudoer:%s\\n' "$password" | chpasswd; fi`

/** The names of the nodes on this machine, running or not. */
export async function listNodes(): Promise<string[]> {
  const listed = await docker(['ps', '--all', '--filter', `label=${addressLabel}`, '--format', '{{.Names}}'])
  return listed
    .split('\n')
    .filter(Boolean)
    .map((container) => container.slice(containerName('').length))
}

/** A name for a node of this process's own: two runs may be on at once, on one machine. */
export function ownName(prefix: string, name: string): string {
  return `${prefix}-${name}-${process.pid}`
}

/** Takes away the nodes that have their name from `ownName`, of runs that were killed. */
export async function removeOrphans(prefix: string): Promise<void> {
  for (const name of await listNodes()) {
    const owner = name.startsWith(`${prefix}-`) ? /-(\d+)$/.exec(name)?.[1] : undefined
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) await removeNode(name)
  }
}

/** Removes a node with its volumes, if it is there. */
export async function removeNode(name: string): Promise<void> {
  const format = `{{index .Config.Labels "${addressLabel}"}}`
  const found = await run(['docker', 'inspect', '--format', format, containerName(name)], { allowFailure: true })
  if (found.exitCode !== 0) return
  // Gone already, when another removal runs at the same time.
  await docker(['rm', '--force', '--volumes', containerName(name)], { allowFailure: true })
  await removeDisk(name)
  await stopCountingEgress(found.stdout.trim())
}

/** Reboots a node from the inside, as its owner would, and waits until it is up again (about 3 s). */
export async function rebootNode(name: string): Promise<LabNode> {
  return restartedBy(name, async () => {
    // Succeeds or fails depending on how far systemd gets before the container ends.
    await nodeExec(name, ['systemctl', 'reboot'], { allowFailure: true })
  })
}

/** Cuts a node's power (no process gets to finish anything), turns it on again and waits until it is up. */
export async function powerCycleNode(name: string): Promise<LabNode> {
  return restartedBy(name, async () => {
    await docker(['kill', '--signal', 'KILL', containerName(name)])
    await docker(['start', containerName(name)])
  })
}

/** Runs a command in a node, past SSH, as root unless `user` is given. @throws Error when it fails. */
export async function nodeExec(
  name: string,
  argv: readonly string[],
  options: RunOptions & { user?: string } = {},
): Promise<RunResult> {
  const { user = 'root', ...rest } = options
  return run(['docker', 'exec', '--interactive', '--user', user, containerName(name), ...argv], rest)
}

/** A node's public host keys, read past SSH, as lines for `known_hosts`. */
export async function knownHostsLines({ name, ip }: LabNode): Promise<string[]> {
  const { stdout } = await nodeExec(name, ['sh', '-c', 'cat /etc/ssh/ssh_host_*_key.pub'])
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => `${ip} ${line.trim()}`)
}

function containerName(name: string): string {
  return `mojabox-lab-${name}`
}

async function restartedBy(name: string, restart: () => Promise<void>): Promise<LabNode> {
  const [before, ip] = await state(name)
  await restart()
  await waitFor(`node ${name} to restart`, async () => (await state(name))[0] !== before, { timeoutMs: 90_000 })
  return untilUp(name, ip)
}

/** When the node was started last, its address and its process id. */
async function state(name: string): Promise<[startedAt: string, ip: string, pid: string]> {
  const format = `{{.State.StartedAt}} {{index .Config.Labels "${addressLabel}"}} {{.State.Pid}}`
  return (await docker(['inspect', '--format', format, containerName(name)])).split(' ') as [string, string, string]
}

async function untilUp(name: string, ip: string): Promise<LabNode> {
  const timeoutMs = 60_000
  await waitFor(`SSH on node ${name} (${ip})`, () => greetsAsSsh(ip), { timeoutMs })
  await waitFor(`systemd on node ${name}`, () => hasBooted(name), { timeoutMs })
  return { name, ip, pid: Number((await state(name))[2]) }
}

async function hasBooted(name: string): Promise<boolean> {
  const { stdout } = await nodeExec(name, ['systemctl', 'is-system-running'], { allowFailure: true })
  return ['running', 'degraded'].includes(stdout.trim())
}

async function greetsAsSsh(ip: string): Promise<boolean> {
  const socket = connect({ host: ip, port: 22, timeout: 1000 })
  try {
    return await new Promise((resolve, reject) => {
      socket.once('data', (banner) => resolve(banner.toString().startsWith('SSH-2.0')))
      socket.once('error', reject)
      socket.once('close', () => resolve(false))
      socket.once('timeout', () => resolve(false))
    })
  } finally {
    socket.destroy()
  }
}

async function runOnFreeAddress(options: NodeOptions, image: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const ip = options.ip ?? (await freeAddress())
    try {
      await docker(['run', '--detach', ...(await runFlags(options, ip)), image])
      return ip
    } catch (error) {
      // Another test took the address between the look and the run; Docker leaves a container that never started.
      const taken = (error as Error).message.includes('Address already in use')
      await removeNode(options.name)
      if (!taken || options.ip !== undefined || attempt === 5) throw error
    }
  }
}

/** The label, not the network, is asked: a node that is rebooting holds no address there. */
async function freeAddress(): Promise<string> {
  const format = `{{.Label "${addressLabel}"}}`
  const taken = (await docker(['ps', '--all', '--filter', `label=${addressLabel}`, '--format', format])).split('\n')
  const prefix = labNetwork.subnet.replace(/\d+\/\d+$/, '')
  for (let last = 10; last < 250; last++) {
    if (!taken.includes(`${prefix}${last}`)) return `${prefix}${last}`
  }
  throw new Error(`looking for a free address in ${labNetwork.subnet}: all are taken; remove nodes of earlier runs`)
}

async function runFlags(options: NodeOptions, ip: string): Promise<string[]> {
  const { name, memoryBytes, diskBytes, diskMountPath = '/var/lib/docker', flags = [] } = options
  const volumes = new Map<string, string>(nodeVolumes.map((path) => [path, '']))
  if (diskBytes !== undefined) volumes.set(diskMountPath, `${await createDisk(name, diskBytes)}:`)
  return [
    ...['--name', containerName(name), '--hostname', name, '--label', labLabel, '--label', `${addressLabel}=${ip}`],
    ...['--network', labNetwork.name, '--ip', ip, '--env', `LAB_GATEWAY=${labNetwork.gateway}`],
    // Off on a bare host; a container inherits it from this machine, where Docker has turned it on.
    ...['--sysctl', 'net.ipv4.ip_forward=0'],
    // A name server that nobody has: names of the site resolve, and any other is asked for in a packet that counts.
    ...['--dns', '198.51.100.53'],
    // How a reboot ends the container counts as a failure, so this starts it again.
    ...['--restart', 'on-failure', '--stop-signal', 'SIGRTMIN+3', '--stop-timeout', '60'],
    // In place of --privileged, which not every machine grants: all that systemd and a Docker inside need.
    ...['--cap-add', 'ALL', '--cap-drop', 'SYS_RESOURCE', '--cgroupns', 'private', '--device-cgroup-rule', 'a *:* rwm'],
    ...['seccomp', 'apparmor', 'systempaths'].flatMap((option) => ['--security-opt', `${option}=unconfined`]),
    ...['--tmpfs', '/run:exec,mode=755', '--tmpfs', '/run/lock', '--tmpfs', '/tmp:exec'],
    ...[...volumes].flatMap(([path, source]) => ['--volume', `${source}${path}`]),
    ...(memoryBytes === undefined ? [] : ['--memory', `${memoryBytes}`]),
    ...flags,
  ]
}

import type { Facts } from '../contract/facts.ts'
import type { RunCommand } from '../contract/step.ts'
import { attempt } from './attempt.ts'
import { collectCgroup } from './cgroup.ts'
import { collectSynchronized } from './clock.ts'
import { collectCpu } from './cpu.ts'
import { collectDisks } from './disk.ts'
import { collectDocker, UNKNOWN_DOCKER } from './docker.ts'
import { collectFirewall } from './firewall.ts'
import { collectHostname } from './hostname.ts'
import { collectKernel } from './kernel.ts'
import { collectMemory } from './memory.ts'
import { collectNetwork } from './network.ts'
import { collectOs } from './os.ts'
import { collectPackages } from './packages.ts'
import { describePorts, readSockets } from './ports.ts'
import { collectProxies } from './proxy.ts'
import { collectApparmor, collectSelinux } from './security.ts'
import { collectSysctls } from './sysctls.ts'
import { collectSystemd, describeSystemd } from './systemd.ts'
import { collectUser } from './user.ts'

export interface CollectOptions {
  run: RunCommand
  /** Where data will lie; Docker's own folder is added when it runs. */
  paths: readonly string[]
  /** Only these ports; all that listen when left out (slower: every holder is looked up). */
  ports?: readonly number[]
  /** The desk's clock (epoch ms) at the moment of this call. */
  deskTimeMs?: number
}

/** Docker may need the longest: its socket, then its client's plugin. */
const DOCKER_LIMIT_MS = 11_000

/** What this machine is like. Changes nothing on it and never throws: what cannot be found out is null. */
export async function collectFacts(options: CollectOptions): Promise<Facts> {
  const { run, paths, ports, deskTimeMs } = options
  const startedMs = Date.now()
  const started = performance.now()
  const docker = attempt(() => collectDocker(run), UNKNOWN_DOCKER, DOCKER_LIMIT_MS)
  const systemd = attempt(() => collectSystemd(run), describeSystemd(true, null, null))
  const machine = collectMachine(run)
  const disks = docker.then(({ facts }) => {
    const rootDir = facts?.rootDir ? [facts.rootDir] : []
    const containerd = facts?.imageStore === 'containerd' ? ['/var/lib/containerd'] : []
    return attempt(() => collectDisks([...paths, ...rootDir, ...containerd], run), [])
  })
  const sockets = await attempt(readSockets, null)
  const [dockerState, systemdState, about, synchronized] = await Promise.all([
    docker,
    systemd,
    machine,
    attempt(() => collectSynchronized(run), null),
  ])
  const proxies = attempt(
    () =>
      collectProxies({
        own: process.env,
        manager: systemdState.environment,
        dockerUnit: systemdState.dockerEnvironment,
        dockerRunning: dockerState.proxy,
      }),
    [],
  )
  const wanted = ports && new Set(ports)
  return {
    version: 1,
    ...about,
    firewall: { ...about.firewall, firewalld: systemdState.firewalld, nftables: systemdState.nftables },
    clock: { nowMs: startedMs, skewMs: deskTimeMs === undefined ? null : startedMs - deskTimeMs, synchronized },
    docker: dockerState.facts,
    systemd: systemdState.facts,
    disks: await disks,
    ports: sockets && (await attempt(() => describePorts(sockets, dockerState.published, wanted), null)),
    network: await attempt(() => collectNetwork(sockets ?? []), {
      interfaces: [],
      routes: [],
      peers: [],
      dockerPools: [],
    }),
    proxies: await proxies,
    tookMs: Math.round(performance.now() - started),
  }
}

/** The groups that depend on nothing else. */
async function collectMachine(run: RunCommand) {
  const [os, kernel, cpu, memory, cgroup, user, hostname, packages, sysctls, firewall, selinux, apparmor] =
    await Promise.all([
      attempt(collectOs, null),
      attempt(collectKernel, { release: '', overlay: null }),
      collectCpu(),
      attempt(collectMemory, null),
      attempt(collectCgroup, null),
      collectUser(run),
      collectHostname(),
      attempt(collectPackages, { manager: null }),
      attempt(collectSysctls, { bridgeNfCallIptables: null, ipForward: null }),
      attempt(() => collectFirewall(run), { iptables: false, ufw: null, droppingChains: null }),
      attempt(collectSelinux, null),
      attempt(collectApparmor, null),
    ])
  return { os, kernel, cpu, memory, cgroup, user, hostname, packages, sysctls, firewall, selinux, apparmor }
}

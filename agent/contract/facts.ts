import { z } from 'zod'

const Bytes = z.number().nonnegative()

/** The file system that holds a path, also when the path itself does not exist yet. */
export const DiskFacts = z.object({
  path: z.string(),
  /** The nearest folder above `path` that exists, links followed. */
  existingPath: z.string(),
  mountPoint: z.string(),
  /** Same for every mount of one file system: `8:2`. */
  filesystem: z.string(),
  device: z.string(),
  type: z.string(),
  /** How it is mounted: `noexec`, `nosuid`; `ro` also when the whole file system is read-only. */
  options: z.array(z.string()),
  totalBytes: Bytes,
  /** What an ordinary process may still write: root's reserve is not counted. */
  freeBytes: Bytes,
  /** Null where the file system does not count them (btrfs). */
  inodesFree: z.number().nonnegative().nullable(),
  readOnly: z.boolean(),
  /** xfs only: whether names carry their type, which overlay needs; null elsewhere. */
  xfsFtype: z.boolean().nullable(),
})
export type DiskFacts = z.infer<typeof DiskFacts>

/** One TCP port that is taken. `container` is set when Docker publishes it. */
export const PortFacts = z.object({
  address: z.string(),
  port: z.number().int(),
  process: z.string().nullable(),
  pid: z.number().int().nullable(),
  container: z.string().nullable(),
  /** Compose project of that container. */
  project: z.string().nullable(),
})
export type PortFacts = z.infer<typeof PortFacts>

export const DockerFacts = z.object({
  /** A Docker daemon is on this machine; false when there is only a client. */
  installed: z.boolean(),
  /** Null when it could not be asked: no right to its socket, or no answer in time. */
  running: z.boolean().nullable(),
  serverVersion: z.string().nullable(),
  apiVersion: z.string().nullable(),
  storageDriver: z.string().nullable(),
  imageStore: z.enum(['classic', 'containerd']).nullable(),
  rootDir: z.string().nullable(),
  cgroupDriver: z.string().nullable(),
  composeVersion: z.string().nullable(),
  /** `ours` are those of the hub, stopped ones too. */
  containers: z
    .object({
      total: z.number().int(),
      running: z.number().int(),
      ours: z.number().int(),
      oursRunning: z.number().int(),
    })
    .nullable(),
  /** `docker` is podman's stand-in. */
  podman: z.boolean(),
})
export type DockerFacts = z.infer<typeof DockerFacts>

export const NetworkFacts = z.object({
  interfaces: z.array(z.object({ name: z.string(), cidrs: z.array(z.string()) })),
  routes: z.array(z.object({ cidr: z.string(), interface: z.string(), gateway: z.string().nullable() })),
  /** IPv4 addresses this machine talks with over a gateway now: the desk, name servers. */
  peers: z.array(z.string()),
  /** What /etc/docker/daemon.json sets in place of Docker's usual address ranges; empty when nothing. */
  dockerPools: z.array(z.object({ base: z.string(), size: z.number().int() })),
})
export type NetworkFacts = z.infer<typeof NetworkFacts>

/** Proxy variables found in one place, names in lower case, passwords in them blotted out. */
export const ProxyFacts = z.object({
  source: z.string(),
  /** `host`: programs of this machine use it; `docker`: its daemon; `containers`: what Docker hands to each. */
  reaches: z.enum(['host', 'docker', 'containers']),
  variables: z.record(z.string(), z.string()),
})
export type ProxyFacts = z.infer<typeof ProxyFacts>

/** What one host is like. Null (or an empty list) means that it could not be found out, never an error. */
export const Facts = z.object({
  version: z.literal(1),
  tookMs: z.number(),
  os: z
    .object({
      id: z.string(),
      versionId: z.string(),
      prettyName: z.string(),
      idLike: z.array(z.string()),
      /** As a bundle names its packages: `debian-12`, `ubuntu-24.04`. */
      key: z.string(),
    })
    .nullable(),
  kernel: z.object({
    release: z.string(),
    /** Whether the kernel has, or can load, the overlay file system. */
    overlay: z.boolean().nullable(),
  }),
  cpu: z.object({
    /** In OCI terms: amd64, arm64. */
    architecture: z.string(),
    model: z.string().nullable(),
    flags: z.array(z.string()),
    cores: z.number(),
    /** What a cgroup leaves of them, when fewer. */
    limitCores: z.number().nullable(),
  }),
  memory: z
    .object({
      totalBytes: Bytes,
      availableBytes: Bytes,
      swapTotalBytes: Bytes,
      /** What a cgroup leaves of it, when less. */
      limitBytes: Bytes.nullable(),
    })
    .nullable(),
  disks: z.array(DiskFacts),
  cgroup: z
    .object({ version: z.union([z.literal(1), z.literal(2), z.literal('none')]), controllers: z.array(z.string()) })
    .nullable(),
  ports: z.array(PortFacts).nullable(),
  systemd: z.object({ booted: z.boolean(), version: z.number().nullable(), state: z.string().nullable() }),
  user: z.object({
    uid: z.number().int(),
    isRoot: z.boolean(),
    sudo: z.enum(['not-needed', 'free', 'password', 'refused', 'missing']).nullable(),
  }),
  hostname: z.object({ name: z.string(), inHosts: z.boolean().nullable() }),
  clock: z.object({
    nowMs: z.number(),
    /** Node minus desk; null when no desk told its time. */
    skewMs: z.number().nullable(),
    synchronized: z.boolean().nullable(),
  }),
  /** Null when neither daemon nor client is there. */
  docker: DockerFacts.nullable(),
  packages: z.object({ manager: z.enum(['apt', 'dnf', 'yum', 'zypper', 'apk', 'pacman']).nullable() }),
  network: NetworkFacts,
  sysctls: z.object({ bridgeNfCallIptables: z.number().nullable(), ipForward: z.number().nullable() }),
  firewall: z.object({
    iptables: z.boolean(),
    firewalld: z.boolean().nullable(),
    ufw: z.boolean().nullable(),
    nftables: z.boolean().nullable(),
    /** nftables chains, other than Docker's own, that drop forwarded packets unless a rule lets them through. */
    droppingChains: z.array(z.string()).nullable(),
  }),
  selinux: z.enum(['enforcing', 'permissive', 'disabled']).nullable(),
  apparmor: z.boolean().nullable(),
  proxies: z.array(ProxyFacts),
})
export type Facts = z.infer<typeof Facts>

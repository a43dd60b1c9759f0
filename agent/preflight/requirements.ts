/** Below `fail` a check fails, below `warn` it warns. */
interface Threshold {
  fail: number
  warn: number
}

export interface DiskNeed {
  /** Where it will lie; what lies on one file system is added up. */
  path: string
  bytes: number
  inodes: number
  /** One or two words for people: `images`, `data`. */
  purpose: string
}

export interface PortNeed {
  /** As the site file calls it. */
  name: string
  port: number
  service: string
  /** Things go on without it: taken, it is worth a warning. */
  optional?: boolean
}

/** What a bundle and a profile ask of a host: the checks' thresholds, all of them data. */
export interface Requirements {
  /** In OCI terms; what the bundle carries. */
  architectures: string[]
  /** Per architecture, names as in /proc/cpuinfo. */
  cpuFlags: Record<string, string[]>
  cores: Threshold
  memoryBytes: Threshold
  disk: DiskNeed[]
  /** Lowest kernel version. */
  kernel: string
  cgroupControllers: { fail: string[]; warn: string[] }
  /** Ports to publish on 127.0.0.1. */
  ports: PortNeed[]
  /** Systems whose packages the bundle carries: `debian-12`. */
  distributions: string[]
  /** Lowest systemd version. */
  systemd: number
  docker: {
    minVersion: string
    minComposeVersion: string
    /** Our own installation of it has begun (the journal knows): half of one is no reason to refuse. */
    installing: boolean
  }
  /** Ranges Docker takes its networks from, in its order. */
  dockerCidrs: string[]
  /** Names that the hub's containers call each other by, and loopback: no proxy may stand between. */
  loopbackHosts: string[]
  clock: {
    maxSkewMs: number
    /** Before this moment (epoch ms) a clock is plainly wrong. */
    notBeforeMs: number
  }
  swap: 'any' | 'off'
  selinux: 'any' | 'not-enforcing'
}

/** What holds for every Docker deployment; a profile sets its own numbers over these. */
export const DEFAULT_REQUIREMENTS: Readonly<Requirements> = {
  architectures: ['amd64', 'arm64'],
  cpuFlags: {},
  cores: { fail: 1, warn: 2 },
  memoryBytes: { fail: 1.5 * 1024 ** 3, warn: 3 * 1024 ** 3 },
  disk: [],
  kernel: '4.19',
  cgroupControllers: { fail: ['cpu', 'pids'], warn: ['memory'] },
  ports: [],
  distributions: [],
  // Transient units with --collect, and the unit settings our agent uses.
  systemd: 239,
  docker: { minVersion: '20.10.0', minComposeVersion: '2.0.0', installing: false },
  dockerCidrs: [
    ...Array.from({ length: 15 }, (_, at) => `172.${17 + at}.0.0/16`),
    ...Array.from({ length: 16 }, (_, at) => `192.168.${16 * at}.0/20`),
  ],
  loopbackHosts: ['localhost', '127.0.0.1'],
  clock: { maxSkewMs: 5_000, notBeforeMs: Date.UTC(2026, 0, 1) },
  swap: 'any',
  selinux: 'not-enforcing',
}

import type { Facts } from '../../../agent/contract/facts.ts'
import { DEFAULT_REQUIREMENTS, type Requirements } from '../../../agent/preflight/requirements.ts'

const GIB = 1024 ** 3

/** A host on which every check passes: Debian 13, Docker there already, the hub not yet. */
export function healthyHost(): Facts {
  return {
    version: 1,
    tookMs: 90,
    os: {
      id: 'debian',
      versionId: '13',
      prettyName: 'Debian GNU/Linux 13 (trixie)',
      idLike: [],
      key: 'debian-13',
    },
    kernel: { release: '6.12.48+deb13-amd64', overlay: true },
    cpu: { architecture: 'amd64', model: 'AMD EPYC', flags: ['sse4_2', 'popcnt', 'cx16'], cores: 4, limitCores: null },
    memory: { totalBytes: 8 * GIB, availableBytes: 7 * GIB, swapTotalBytes: 0, limitBytes: null },
    disks: [disk('/var/lib/docker'), disk('/var/lib/mojabox')],
    cgroup: { version: 2, controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'] },
    ports: [{ address: '0.0.0.0', port: 22, process: 'sshd', pid: 700, container: null, project: null }],
    systemd: { booted: true, version: 257, state: 'running' },
    user: { uid: 0, isRoot: true, sudo: 'not-needed' },
    hostname: { name: 'hub1', inHosts: true },
    clock: { nowMs: Date.UTC(2026, 10, 23, 12), skewMs: 40, synchronized: true },
    docker: {
      installed: true,
      running: true,
      serverVersion: '26.1.5+dfsg1',
      apiVersion: '1.45',
      storageDriver: 'overlay2',
      imageStore: 'classic',
      rootDir: '/var/lib/docker',
      cgroupDriver: 'systemd',
      composeVersion: '2.26.1',
      containers: { total: 2, running: 1, ours: 0, oursRunning: 0 },
      podman: false,
    },
    packages: { manager: 'apt' },
    network: {
      interfaces: [{ name: 'eth0', cidrs: ['10.0.0.7/24'] }],
      routes: [
        { cidr: '0.0.0.0/0', interface: 'eth0', gateway: '10.0.0.1' },
        { cidr: '10.0.0.0/24', interface: 'eth0', gateway: null },
        { cidr: '172.17.0.0/16', interface: 'docker0', gateway: null },
      ],
      peers: ['10.9.9.9'],
      dockerPools: [],
    },
    sysctls: { bridgeNfCallIptables: 1, ipForward: 1 },
    firewall: { iptables: true, firewalld: false, ufw: false, nftables: false, droppingChains: [] },
    selinux: 'disabled',
    apparmor: true,
    proxies: [],
  }
}

/** 20 GB free of 40, on one file system with whatever else this makes. */
export function disk(path: string, change: Partial<Facts['disks'][number]> = {}): Facts['disks'][number] {
  return {
    path,
    existingPath: '/var/lib',
    mountPoint: '/var',
    filesystem: '8:2',
    device: '/dev/sda2',
    type: 'ext4',
    options: ['rw', 'relatime'],
    totalBytes: 40e9,
    freeBytes: 20e9,
    inodesFree: 2_000_000,
    readOnly: false,
    xfsFtype: null,
    ...change,
  }
}

/** What an ordinary profile asks. */
export function ordinaryNeeds(): Requirements {
  return {
    ...structuredClone(DEFAULT_REQUIREMENTS),
    architectures: ['amd64'],
    cpuFlags: { amd64: ['sse4_2', 'popcnt'] },
    cores: { fail: 2, warn: 4 },
    memoryBytes: { fail: 2 * GIB, warn: 4 * GIB },
    disk: [
      { path: '/var/lib/docker', bytes: 3.2e9, inodes: 100_000, purpose: 'images' },
      { path: '/var/lib/docker', bytes: 2e9, inodes: 2_000, purpose: 'data' },
      { path: '/var/lib/mojabox', bytes: 0.2e9, inodes: 200, purpose: 'store' },
    ],
    ports: [
      { name: 'central-ledger', port: 3001, service: 'central-ledger' },
      { name: 'mysql', port: 3306, service: 'mysql' },
    ],
    distributions: ['debian-12', 'debian-13'],
    swap: 'off',
    loopbackHosts: ['localhost', '127.0.0.1', 'central-ledger', 'kafka'],
  }
}

import type { Facts } from '../contract/facts.ts'
import { parseMountinfo } from './disk.ts'
import { readText } from './text-file.ts'

export async function collectCgroup(): Promise<Facts['cgroup']> {
  const [mountinfo, controllers] = await Promise.all([
    readText('/proc/self/mountinfo'),
    readText('/sys/fs/cgroup/cgroup.controllers'),
  ])
  return mountinfo === null ? null : describeCgroup(mountinfo, controllers)
}

/** Version and controllers from mountinfo and, for version 2, `cgroup.controllers`. */
export function describeCgroup(mountinfo: string, controllers: string | null): NonNullable<Facts['cgroup']> {
  const mounts = parseMountinfo(mountinfo).filter((mount) => mount.mountPoint.startsWith('/sys/fs/cgroup'))
  if (mounts.some((mount) => mount.type === 'cgroup2' && mount.mountPoint === '/sys/fs/cgroup')) {
    return { version: 2, controllers: (controllers ?? '').trim().split(/\s+/).filter(Boolean) }
  }
  const one = mounts.filter((mount) => mount.type === 'cgroup')
  if (one.length === 0) return { version: 'none', controllers: [] }
  const known = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'net_cls', 'hugetlb']
  return {
    version: 1,
    controllers: known.filter((name) => one.some((mount) => mount.filesystemOptions.includes(name))),
  }
}

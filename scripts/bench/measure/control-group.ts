import { existsSync, readFileSync } from 'node:fs'
import type { LabNode } from '../../../test/lab/nodes.ts'

/** What the kernel counts of a node as a whole. */
export interface ControlGroup {
  cpuSeconds(): number
  /** Of its processes, now, without the page cache. */
  memoryBytes(): number
}

const ROOT = '/sys/fs/cgroup'

/** Of a node's container, under the unified hierarchy (cgroup v2) or the older one. @throws Error when it has none */
export function controlGroup({ name, pid }: LabNode): ControlGroup {
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')
  const folderOf = (controller: string) => {
    const line = groups.find((each) => each.split(':')[1]?.split(',').includes(controller))
    // The node's systemd may sit further down: the container's own group is the one with its id.
    const group = /^.*\bdocker[-/][0-9a-f]{64}(\.scope)?/.exec(line?.split(':').slice(2).join(':') ?? '')?.[0]
    if (group === undefined) throw new Error(`node ${name} has no control group for ${controller || 'all'}`)
    return `${ROOT}${controller === '' ? '' : `/${controller}`}${group}`
  }
  if (existsSync(`${ROOT}/cgroup.controllers`)) {
    const folder = folderOf('')
    return {
      cpuSeconds: () => field(`${folder}/cpu.stat`, 'usage_usec') / 1e6,
      memoryBytes: () => field(`${folder}/memory.stat`, 'anon'),
    }
  }
  const [cpu, memory] = [folderOf('cpuacct'), folderOf('memory')]
  return {
    cpuSeconds: () => Number(readFileSync(`${cpu}/cpuacct.usage`, 'utf8')) / 1e9,
    memoryBytes: () => field(`${memory}/memory.stat`, 'total_rss'),
  }
}

function field(path: string, name: string): number {
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name} `))
  if (line === undefined) throw new Error(`${path} does not say ${name}`)
  return Number(line.split(' ')[1])
}

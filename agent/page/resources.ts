import { stat, statfs } from 'node:fs/promises'
import { cpus } from 'node:os'
import { NODE_PATHS } from '../contract/paths.ts'
import { readText } from '../facts/text-file.ts'
import type { LookedService } from './look.ts'

export interface Disk {
  path: string
  totalBytes: number
  freeBytes: number
}

export interface ContainerUse {
  service: string
  memoryBytes: number
  /** Of all that the container's life took. */
  cpuSeconds: number | null
  /** Cores used since the last look at them: 0.25 is a quarter of one; null at the first. */
  cores: number | null
}

/** What the host has, and what the hub's containers use of it. Null where the kernel does not tell. */
export interface Resources {
  cores: number
  /** Over one minute. */
  load: number | null
  memory: { totalBytes: number; availableBytes: number } | null
  disks: Disk[]
  containers: ContainerUse[]
}

/** Where Docker and mojabox keep things; of several on one file system the first is shown. */
const PATHS = ['/', '/var/lib/docker', NODE_PATHS.root]

/**
 * Reads a handful of small files below /proc and /sys: nothing is started and nothing is asked of Docker, whose own
 * `stats` takes a second and a share of a core.
 */
export class ResourceReader {
  readonly #proc: string
  readonly #cgroups: string
  readonly #now: () => number
  readonly #folders = new Map<string, CgroupFolders>()
  #before = new Map<string, { atMs: number; cpuSeconds: number }>()

  constructor(places = { proc: '/proc', cgroups: '/sys/fs/cgroup' }, now: () => number = Date.now) {
    this.#proc = places.proc
    this.#cgroups = places.cgroups
    this.#now = now
  }

  async read(services: readonly LookedService[]): Promise<Resources> {
    const [memory, load, disks, containers] = await Promise.all([
      readText(`${this.#proc}/meminfo`),
      readText(`${this.#proc}/loadavg`),
      readDisks(PATHS),
      this.#containers(services),
    ])
    const loadNow = Number.parseFloat(load ?? '')
    return {
      cores: cpus().length,
      load: Number.isFinite(loadNow) ? loadNow : null,
      memory: memory === null ? null : parseMemory(memory),
      disks,
      containers,
    }
  }

  async #containers(services: readonly LookedService[]): Promise<ContainerUse[]> {
    const before = this.#before
    this.#before = new Map()
    const running = services.filter(({ id, state }) => id !== '' && state === 'running')
    const uses = await Promise.all(running.map((service) => this.#container(service, before)))
    return uses.filter((use) => use !== undefined)
  }

  async #container(
    { id, service }: LookedService,
    before: ReadonlyMap<string, { atMs: number; cpuSeconds: number }>,
  ): Promise<ContainerUse | undefined> {
    const folders = this.#folders.get(id) ?? (await findCgroup(this.#cgroups, id))
    if (!folders) return undefined
    this.#folders.set(id, folders)
    const [used, details, cpu] = await Promise.all([
      readText(folders.memoryUsed),
      readText(folders.memoryStat),
      readText(folders.cpu),
    ])
    if (used === null) {
      this.#folders.delete(id)
      return undefined
    }
    // What the kernel would give back at once is not counted, as in `docker stats`.
    const cached = Number(/^(?:total_)?inactive_file (\d+)$/m.exec(details ?? '')?.[1] ?? 0)
    const cpuSeconds = cpu === null ? null : folders.cpuSeconds(cpu)
    const atMs = this.#now()
    const last = before.get(id)
    if (cpuSeconds !== null) this.#before.set(id, { atMs, cpuSeconds })
    const cores =
      last && cpuSeconds !== null && atMs > last.atMs
        ? ((cpuSeconds - last.cpuSeconds) * 1000) / (atMs - last.atMs)
        : null
    return { service, memoryBytes: Math.max(0, Number(used) - cached), cpuSeconds, cores }
  }
}

interface CgroupFolders {
  memoryUsed: string
  memoryStat: string
  cpu: string
  cpuSeconds(text: string): number
}

/** Both versions of cgroups, with Docker's two drivers. */
async function findCgroup(root: string, id: string): Promise<CgroupFolders | undefined> {
  for (const group of [`system.slice/docker-${id}.scope`, `docker/${id}`]) {
    const two: CgroupFolders = {
      memoryUsed: `${root}/${group}/memory.current`,
      memoryStat: `${root}/${group}/memory.stat`,
      cpu: `${root}/${group}/cpu.stat`,
      cpuSeconds: (text) => Number(/^usage_usec (\d+)$/m.exec(text)?.[1] ?? 0) / 1e6,
    }
    const one: CgroupFolders = {
      memoryUsed: `${root}/memory/${group}/memory.usage_in_bytes`,
      memoryStat: `${root}/memory/${group}/memory.stat`,
      cpu: `${root}/cpuacct/${group}/cpuacct.usage`,
      cpuSeconds: (text) => Number(text) / 1e9,
    }
    for (const folders of [two, one]) if ((await readText(folders.memoryUsed)) !== null) return folders
  }
  return undefined
}

export function parseMemory(text: string): Resources['memory'] {
  const bytesOf = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? Number.NaN) * 1024
  const memory = { totalBytes: bytesOf('MemTotal'), availableBytes: bytesOf('MemAvailable') }
  return Number.isNaN(memory.totalBytes + memory.availableBytes) ? null : memory
}

async function readDisks(paths: readonly string[]): Promise<Disk[]> {
  const found = new Map<number, Disk>()
  for (const path of paths) {
    try {
      const { dev } = await stat(path)
      if (found.has(dev)) continue
      const { blocks, bavail, bsize } = await statfs(path)
      found.set(dev, { path, totalBytes: blocks * bsize, freeBytes: bavail * bsize })
    } catch {
      // Not there, or not for this user to see.
    }
  }
  return [...found.values()]
}

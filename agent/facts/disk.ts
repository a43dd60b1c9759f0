import { realpath, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DiskFacts } from '../contract/facts.ts'
import type { RunCommand } from '../contract/step.ts'
import { attempt } from './attempt.ts'
import { readText } from './text-file.ts'

interface Mount {
  mountPoint: string
  filesystem: string
  type: string
  device: string
  /** Of this mount; `ro` also when the whole file system is read-only. */
  options: string[]
  /** Of the file system as a whole. */
  filesystemOptions: string[]
}

/** Where the given paths lie, or would lie; a path whose file system does not answer (a dead NFS) is left out. */
export async function collectDisks(paths: readonly string[], run: RunCommand): Promise<DiskFacts[]> {
  const mounts = parseMountinfo((await readText('/proc/self/mountinfo')) ?? '')
  const disks = await Promise.all([...new Set(paths)].map((path) => attempt(() => describe(path, mounts, run), null)))
  return disks.filter((disk) => disk !== null)
}

async function describe(path: string, mounts: Mount[], run: RunCommand): Promise<DiskFacts | null> {
  const existingPath = await nearestExisting(path)
  const mount = mountOf(existingPath, mounts)
  if (!mount) return null
  const numbers = await statfs(existingPath)
  return {
    path,
    existingPath,
    mountPoint: mount.mountPoint,
    filesystem: mount.filesystem,
    device: mount.device,
    type: mount.type,
    options: mount.options,
    totalBytes: numbers.blocks * numbers.bsize,
    freeBytes: numbers.bavail * numbers.bsize,
    inodesFree: numbers.files === 0 ? null : numbers.ffree,
    readOnly: mount.options.includes('ro'),
    xfsFtype: mount.type === 'xfs' ? await attempt(() => readXfsFtype(mount.mountPoint, run), null) : null,
  }
}

async function nearestExisting(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    return path === '/' ? path : nearestExisting(dirname(path))
  }
}

async function readXfsFtype(mountPoint: string, run: RunCommand): Promise<boolean | null> {
  const { stdout } = await run(['xfs_info', mountPoint], { timeoutMs: 2_500 })
  const match = /\bftype=([01])/.exec(stdout)
  return match ? match[1] === '1' : null
}

/** Reads proc_pid_mountinfo(5). */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = []
  for (const line of text.split('\n')) {
    const [left, right] = line.split(' - ')
    const [, , filesystem, , mountPoint, own] = left?.split(' ') ?? []
    const [type, device, whole] = right?.split(' ') ?? []
    if (!filesystem || !mountPoint || !own || !type || device === undefined) continue
    const filesystemOptions = whole?.split(',') ?? []
    const readOnly = filesystemOptions.includes('ro')
    const options = own.split(',').map((option) => (option === 'rw' && readOnly ? 'ro' : option))
    const names = { mountPoint: unescaped(mountPoint), device: unescaped(device) }
    mounts.push({ ...names, filesystem, type, options, filesystemOptions })
  }
  return mounts
}

/** The mount that holds an existing path: the deepest, and of several on one point the last. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  const holds = (point: string) => point === '/' || path === point || path.startsWith(`${point}/`)
  let best: Mount | undefined
  for (const mount of mounts) {
    if (holds(mount.mountPoint) && mount.mountPoint.length >= (best?.mountPoint.length ?? 0)) best = mount
  }
  return best
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

import { posix } from 'node:path'
import type { FileContent, FoundPackage } from './package-files.ts'
import type { LayerContent } from './read-layer.ts'

/** What an image has, all its layers laid over each other. */
export interface ImageContent {
  system: FileContent['system']
  /** Each once, however often it is there; by type, name and version. */
  packages: FoundPackage[]
  /** What it has that was not read, such as `rpm packages`. */
  unread: string[]
}

/** Lays layers over each other, the lowest first. */
export function imageContent(layers: LayerContent[]): ImageContent {
  const files = new Map<string, FileContent>()
  const unread = new Map<string, string>()
  for (const layer of layers) {
    const [removed, emptied] = [new Set(layer.removed), new Set(layer.emptied)]
    for (const below of [files, unread]) {
      for (const path of below.keys()) if (isGone(path, removed, emptied)) below.delete(path)
    }
    for (const [path, file] of Object.entries(layer.files)) files.set(path, file)
    for (const [path, what] of Object.entries(layer.unread)) unread.set(path, what)
  }
  const system = files.get('etc/os-release')?.system ?? files.get('usr/lib/os-release')?.system
  const packages = [...files.values()].flatMap((file) => file.packages ?? [])
  const unique = new Map(packages.map((entry) => [keyOf(entry), entry]))
  const sorted = [...unique].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, entry]) => entry)
  return { system, packages: sorted, unread: [...new Set(unread.values())].sort() }
}

function isGone(path: string, removed: ReadonlySet<string>, emptied: ReadonlySet<string>): boolean {
  if (removed.has(path)) return true
  for (let folder = path; folder !== '.'; ) {
    folder = posix.dirname(folder)
    if (removed.has(folder) || emptied.has(folder)) return true
  }
  return false
}

function keyOf({ type, name, version, architecture = '' }: FoundPackage): string {
  return JSON.stringify([type, name, version, architecture])
}

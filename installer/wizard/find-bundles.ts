import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isSea } from 'node:sea'
import { setTimeout as delay } from 'node:timers/promises'
import { factsOf } from '../../bundles/format/error.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import { openBundle } from '../../bundles/format/open.ts'
import { partPath, wholePath } from '../../bundles/format/parts.ts'
import { readEnvelope } from '../../bundles/format/signature.ts'
import { type ProfileOffer, readProfiles } from './profile-offers.ts'
import { removableMounts } from './removable-media.ts'

/** A bundle that was opened; its blobs are checked before they are used. */
export interface FoundBundle {
  path: string
  digest: Digest
  /** Of a delta: the bundle that it was built over. */
  baseDigest?: Digest
  version: string
  sizeBytes: number
  modifiedMs: number
  /** Keys that say they signed it, by ID; unchecked. */
  signers: string[]
  /** Named by the person, not found by looking. */
  typed?: boolean
  /** Those that can be installed. */
  profiles: ProfileOffer[]
}

/** A file named like a bundle that is none, or cannot be read. */
export interface RefusedFile {
  path: string
  found: string
}

export interface BundleSearch {
  /** The newest first. */
  bundles: FoundBundle[]
  refused: RefusedFile[]
  /** Places that took too long. */
  unseen: string[]
}

/** A folder, and how many folders below it are looked into. */
export interface Place {
  path: string
  depth: number
}

/** Longest that one place is waited for: a slow stick, not a dead one. */
const LIMIT_MS = 4_000
/** Folders that one place may have before the rest of it is left alone. */
const MAX_FOLDERS = 200

/** Beside the executable, the current folder, and what is mounted as removable. */
export async function usualPlaces(folder: string): Promise<Place[]> {
  const mounts = removableMounts(await readFile('/proc/mounts', 'utf8').catch(() => ''))
  const beside = isSea() ? [dirname(process.execPath)] : []
  const near = [...new Set([folder, ...beside])].map((path) => ({ path, depth: 0 }))
  return [...near, ...mounts.map(({ path }) => ({ path, depth: 2 }))]
}

/** Looks for bundles, each place for a limited time. Never throws. */
export async function findBundles(places: readonly Place[], limitMs: number = LIMIT_MS): Promise<BundleSearch> {
  const search: BundleSearch = { bundles: [], refused: [], unseen: [] }
  const seen = new Set<string>()
  await Promise.all(
    places.map(async (place) => {
      const found = await Promise.race([lookInto(place), delay(limitMs, undefined, { ref: false })])
      if (found === undefined) search.unseen.push(place.path)
      for (const one of found ?? []) {
        const path = 'bundle' in one ? one.bundle.path : one.refused.path
        if (seen.has(path)) continue
        seen.add(path)
        if ('bundle' in one) search.bundles.push(one.bundle)
        else search.refused.push(one.refused)
      }
    }),
  )
  search.bundles.sort((one, other) => other.modifiedMs - one.modifiedMs || (one.path < other.path ? -1 : 1))
  return search
}

type Looked = { bundle: FoundBundle } | { refused: RefusedFile }

async function lookInto(place: Place): Promise<Looked[]> {
  const paths = await archives(place)
  return Promise.all(
    paths.map(async (path): Promise<Looked> => {
      try {
        return { bundle: await readBundle(path) }
      } catch (error) {
        const { found, message } = factsOf(error)
        return { refused: { path, found: found ?? message } }
      }
    }),
  )
}

/** Reads what one bundle offers. @throws MojaboxError kind bundle */
export async function readBundle(path: string): Promise<FoundBundle> {
  const absolute = resolve(path)
  const bundle = await openBundle(absolute)
  try {
    const { mtimeMs } = await stat(bundle.paths[0] ?? absolute)
    const { manifest, sizeBytes } = bundle
    return {
      path: absolute,
      digest: manifest.digest,
      ...(manifest.base && { baseDigest: manifest.base }),
      version: manifest.version,
      sizeBytes,
      modifiedMs: mtimeMs,
      signers: await claimedSigners(absolute),
      profiles: await readProfiles(bundle),
    }
  } finally {
    await bundle.close()
  }
}

/** A file of signatures that cannot be read is none. */
async function claimedSigners(path: string): Promise<string[]> {
  const envelope = await readEnvelope(path).catch(() => undefined)
  return envelope?.signatures.map(({ keyid }) => keyid) ?? []
}

/** By its ending; a split one by its first part, unless it is there whole too. */
function isArchive(name: string, beside: string[]): boolean {
  if (name.startsWith('.')) return false
  if (name.endsWith('.tar')) return true
  const whole = wholePath(name)
  return whole.endsWith('.tar') && name === partPath(whole, 1) && !beside.includes(whole)
}

/** Files that may be bundles; folders that cannot be read have none. */
async function archives({ path, depth }: Place): Promise<string[]> {
  const found: string[] = []
  let level = [path]
  let folders = 0
  for (let left = depth; level.length > 0; left -= 1) {
    const next: string[] = []
    for (const folder of level) {
      folders += 1
      if (folders > MAX_FOLDERS) return found
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
      const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name)
      for (const entry of entries) if (entry.isDirectory()) next.push(join(folder, entry.name))
      for (const name of files) if (isArchive(name, files)) found.push(join(folder, name))
    }
    level = left > 0 ? next : []
  }
  return found
}

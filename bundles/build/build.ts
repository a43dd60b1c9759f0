import { rm, writeFile } from 'node:fs/promises'
import pLimit from 'p-limit'
import { mayBeLeftOut, patchedLayers } from '../format/delta.ts'
import { digestOf } from '../format/digest.ts'
import { MojaboxError } from '../format/error.ts'
import { encodeBundleManifest, encodeIndexJson } from '../format/index-json.ts'
import { ARTIFACT_KINDS, type Artifact, type BundleManifest, type Digest } from '../format/manifest.ts'
import type { OpenBundle } from '../format/open.ts'
import { jsonReader, platformText, reachableBlobs } from '../format/read-artifact.ts'
import { VERSION } from '../format/version.ts'
import { cacheWithBase, refuseAsBase, refusePatchesAlone } from './base.ts'
import type { Cache } from './cache.ts'
import { diskFull } from './disk-full.ts'
import type { Http } from './http.ts'
import { type Lock, lockText } from './lock.ts'
import type { CredentialsOf } from './oci/credentials.ts'
import { carryPatches } from './patches/carry-patches.ts'
import { carrySbom } from './sbom/carry-sbom.ts'
import type { BuildContext, CarriedArtifact, CarriedBlob, Origins, Selection } from './source.ts'
import { fetchLocked, SOURCES } from './sources/registry.ts'
import type { LoadedSpec } from './spec.ts'
import { bundleBytes, checkWritable, writeBundle } from './write.ts'

/** What a build does at a moment; bytes are of that stage. */
export interface BuildProgress {
  stage: 'resolve' | 'fetch' | 'list' | 'patch' | 'write'
  doneBytes: number
  totalBytes: number
}

export interface BuildOptions {
  loaded: LoadedSpec
  selection: Selection
  origins: Origins
  /** Build exactly this; the selection is the lock's then. */
  lock: Lock | undefined
  /** Build a delta, without what this bundle has. */
  base: OpenBundle | undefined
  /** Of a delta: patches of layers that its base has in an older version, beside these or in their stead. */
  patches: 'beside' | 'instead' | 'none'
  outputPath: string
  /** Where the lock is written; not at all when undefined. */
  lockPath: string | undefined
  cache: Cache
  http: Http
  credentialsOf: CredentialsOf
  /** Downloads at a time. */
  parallel: number
  signal: AbortSignal
  onProgress: (progress: BuildProgress) => void
  note: (message: string) => void
}

export interface BuildResult {
  path: string
  sizeBytes: number
  manifest: BundleManifest
  lock: Lock
  /** What a delta leaves out. */
  leftOut: { blobs: number; bytes: number }
}

/**
 * Builds a bundle: resolves names to digests (or takes them from a lock), brings every blob into the cache, writes.
 * The same lock (and base, for a delta) gives the same file, byte for byte; the lock is that of the whole bundle.
 */
export async function buildBundle(options: BuildOptions): Promise<BuildResult> {
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])
  const tally = createTally(options.onProgress)
  const context = contextOf(options, signal, tally)
  try {
    return await build(options, context, tally)
  } catch (error) {
    // Ends the downloads that still run, so that nothing is written after the failure is told.
    failure.abort(error)
    throw error
  }
}

async function build(options: BuildOptions, context: BuildContext, tally: Tally): Promise<BuildResult> {
  const { loaded, lock, outputPath, base } = options
  if (base !== undefined) refuseAsBase(base, outputPath)
  else if (options.patches === 'instead') refusePatchesAlone()
  await checkWritable(outputPath)
  const locked = lock?.artifacts ?? (await resolveAll(context))
  tally.begin('fetch')
  const fetched = await Promise.all(locked.map((artifact) => fetchLocked(artifact, context)))
  tally.begin('list')
  const sbom = lock === undefined ? { mojabox: VERSION } : lock.sbom
  const listed = sbom === undefined ? fetched : [...fetched, await sbomOf(fetched, locked, sbom.mojabox, context)]
  const artifacts = listed.map(({ artifact }) => artifact).sort(inListOrder)
  const facts = {
    deployment: loaded.spec.deployment,
    version: loaded.spec.version,
    profiles: lock?.profiles ?? [...context.selection.profiles].sort(),
  }
  const whole = digestOf(encodeBundleManifest({ ...facts, artifacts }))
  if (lock !== undefined && lock.bundle !== whole) throw lockDiffers(lock.bundle, whole)
  const patches = base && options.patches !== 'none' ? await patchesOf(artifacts, base, context, tally) : undefined
  const carried = patches === undefined ? listed : [...listed, patches]
  const own = {
    ...facts,
    artifacts: patches === undefined ? artifacts : [...artifacts, patches.artifact],
    base: base?.manifest.digest,
  }
  const manifestBytes = encodeBundleManifest(own)
  const digest = await context.cache.put(manifestBytes)
  const manifest: BundleManifest = { ...own, digest }
  const all = uniqueBlobs(carried, { digest, sizeBytes: manifestBytes.length, isManifest: true })
  const leavable = base === undefined ? undefined : await blobsIn(base, manifest, context.cache)
  const patched = options.patches === 'instead' ? await patchedLayers(manifest, context.cache) : undefined
  const blobs = all.filter(({ digest }) => !leavable?.has(digest) && !patched?.has(digest))
  const indexJson = encodeIndexJson(manifest, manifestBytes.length)
  const written: Lock = { format: 1, ...facts, bundle: whole, artifacts: locked, ...(sbom && { sbom }) }
  tally.begin('write')
  await write(options.outputPath, context, indexJson, blobs)
  if (options.lockPath !== undefined) await writeLock(options.lockPath, written)
  const leftOut = { blobs: all.length - blobs.length, bytes: sizeOf(all) - sizeOf(blobs) }
  return { path: outputPath, sizeBytes: bundleBytes(indexJson, blobs), manifest, lock: written, leftOut }
}

function patchesOf(artifacts: Artifact[], base: OpenBundle, context: BuildContext, tally: Tally) {
  tally.begin('patch')
  return carryPatches(artifacts, base, context)
}

function sbomOf(
  fetched: CarriedArtifact[],
  locked: Lock['artifacts'],
  version: string,
  context: BuildContext,
): Promise<CarriedArtifact> {
  const { deployment: name, version: release } = context.loaded.spec
  const artifacts = fetched.map(({ artifact }) => artifact).sort(inListOrder)
  return carrySbom({ deployment: { name, version: release }, artifacts, locked, version }, context)
}

/** What a delta may leave out, as its base has it. */
async function blobsIn(base: OpenBundle, manifest: BundleManifest, cache: Cache): Promise<Set<Digest>> {
  const reachable = await reachableBlobs(manifest, jsonReader(cache))
  const leavable = reachable.filter(
    (blob) => mayBeLeftOut(blob) && base.extents.get(blob.digest)?.sizeBytes === blob.sizeBytes,
  )
  return new Set(leavable.map(({ digest }) => digest))
}

function sizeOf(blobs: CarriedBlob[]): number {
  return blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

/** Counts the bytes of one stage at a time. */
interface Tally {
  begin(stage: BuildProgress['stage']): void
  expect(bytes: number): void
  arrived(bytes: number): void
}

function createTally(onProgress: BuildOptions['onProgress']): Tally {
  let state: BuildProgress = { stage: 'resolve', doneBytes: 0, totalBytes: 0 }
  const change = (changed: Partial<BuildProgress>): void => {
    state = { ...state, ...changed }
    onProgress(state)
  }
  return {
    begin: (stage) => change({ stage, doneBytes: 0, totalBytes: 0 }),
    expect: (bytes) => change({ totalBytes: state.totalBytes + bytes }),
    arrived: (bytes) => change({ doneBytes: state.doneBytes + bytes }),
  }
}

function contextOf(options: BuildOptions, signal: AbortSignal, tally: Tally): BuildContext {
  const { loaded, selection, origins, base, http, credentialsOf, note } = options
  const cache = base === undefined ? options.cache : cacheWithBase(options.cache, base)
  const limit = pLimit(options.parallel)
  const limited: BuildContext['limit'] = (task) =>
    limit(async () => {
      signal.throwIfAborted()
      return await task()
    })
  return { loaded, selection, origins, cache, http, credentialsOf, signal, note, limit: limited, progress: tally }
}

async function resolveAll(context: BuildContext): Promise<Lock['artifacts']> {
  const found = await Promise.all(Object.values(SOURCES).map((source) => source.resolve(context)))
  return found.flat()
}

/** Images, packages, files, executables, the SBOM; each by name, then by platform. */
function inListOrder(one: Artifact, other: Artifact): number {
  const key = ({ kind, name, platform }: Artifact) =>
    [ARTIFACT_KINDS.indexOf(kind), name, platform === undefined ? '' : platformText(platform)].join(' ')
  return key(one) < key(other) ? -1 : 1
}

/** Each blob once, however many artifacts share it. */
function uniqueBlobs(carried: CarriedArtifact[], manifest: CarriedBlob): CarriedBlob[] {
  const blobs = new Map<Digest, CarriedBlob>([[manifest.digest, manifest]])
  for (const blob of carried.flatMap((entry) => entry.blobs)) {
    const known = blobs.get(blob.digest)
    if (known === undefined || blob.isManifest) blobs.set(blob.digest, blob)
  }
  return [...blobs.values()]
}

async function write(path: string, context: BuildContext, indexJson: Buffer, blobs: CarriedBlob[]): Promise<void> {
  const { cache, signal, progress } = context
  progress.expect(sizeOf(blobs))
  try {
    await writeBundle({ path, indexJson, blobs, from: cache, signal, onBytes: progress.arrived })
  } catch (error) {
    // A damaged blob of the cache must not fail the next build too.
    if (error instanceof MojaboxError && error.facts.code === 'blob-corrupt')
      await cache.drop(error.facts.needed as Digest)
    throw error
  }
}

async function writeLock(path: string, lock: Lock): Promise<void> {
  try {
    await writeFile(path, lockText(lock))
  } catch (error) {
    await rm(path, { force: true })
    throw diskFull(error, path)
  }
}

function lockDiffers(needed: Digest, found: Digest): MojaboxError {
  return new MojaboxError({
    code: 'lock-differs',
    kind: 'usage',
    message: 'building from the lock: the bundle would come out differently',
    found,
    needed,
    next: 'use the version of mojabox and the spec that the lock was written with, or build without --lock',
  })
}

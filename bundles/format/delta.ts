import type { BlobSource } from './blob-source.ts'
import { bytesText } from './bytes-text.ts'
import { MojaboxError } from './error.ts'
import { patchesIn } from './layer-patch.ts'
import type { ArtifactKind, BundleManifest, Digest } from './manifest.ts'
import type { OpenBundle } from './open.ts'
import { jsonReader, type ReachableBlob, reachableBlobs, readArtifactManifest } from './read-artifact.ts'

/**
 * Whether a delta may leave a blob out that its base has: a layer, or a package. Manifests and configurations are
 * needed to know what is missing, a deployment's files to plan, the SBOM to be read, patches to save bytes; all are small.
 */
export function mayBeLeftOut({ role, artifacts }: Pick<ReachableBlob, 'role' | 'artifacts'>): boolean {
  return role === 'layer' && artifacts.every(({ kind }) => !KEPT_KINDS.includes(kind))
}

const KEPT_KINDS: ArtifactKind[] = ['files', 'sbom', 'patches']

/** The layers that a delta has patches for. */
export async function patchedLayers(manifest: BundleManifest, source: BlobSource): Promise<Set<Digest>> {
  const artifact = manifest.artifacts.find(({ kind }) => kind === 'patches')
  if (artifact === undefined) return new Set()
  return new Set(patchesIn(await readArtifactManifest(source, artifact)).map(({ layer }) => layer))
}

/** Of what a bundle's manifest reaches, what the bundle itself does not carry; nothing unless it is a delta. */
export function leftOutOf(
  { manifest, extents }: Pick<OpenBundle, 'manifest' | 'extents'>,
  reachable: ReachableBlob[],
): ReachableBlob[] {
  if (manifest.base === undefined) return []
  return reachable.filter((blob) => mayBeLeftOut(blob) && !extents.has(blob.digest))
}

/** Of what a delta leaves out, the layers that it has a patch for: its base may lack them too. */
export async function patchedOf(bundle: OpenBundle, leftOut: ReachableBlob[]): Promise<ReachableBlob[]> {
  const patched = await patchedLayers(bundle.manifest, bundle)
  return leftOut.filter(({ digest }) => patched.has(digest))
}

export function amountOf(blobs: ReachableBlob[]): { blobs: number; bytes: number } {
  return { blobs: blobs.length, bytes: blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) }
}

/** The blobs that a delta leaves out, read from its manifests; none for a whole bundle. */
export async function leftOutBlobs(bundle: OpenBundle): Promise<ReachableBlob[]> {
  if (bundle.manifest.base === undefined) return []
  return leftOutOf(bundle, await reachableBlobs(bundle.manifest, jsonReader(bundle)))
}

/** A delta and the bundle that it was built over, as one source of blobs; closing it closes both. */
export function withBase(delta: OpenBundle, base: OpenBundle): OpenBundle {
  const holderOf = (digest: Digest): OpenBundle => (delta.extents.has(digest) ? delta : base)
  return {
    ...delta,
    sizeOf: (digest) => holderOf(digest).sizeOf(digest),
    read: (digest, offsetBytes) => holderOf(digest).read(digest, offsetBytes),
    async close() {
      await delta.close()
      await base.close()
    },
  }
}

/**
 * That a delta and a base are whole together, but for layers of which the delta has a patch in their stead.
 * @throws MojaboxError `not-a-delta`, `base-differs`
 */
export async function refuseOtherBase(delta: OpenBundle, base: OpenBundle): Promise<void> {
  if (delta.manifest.base === undefined) throw notADelta(delta.path)
  const leftOut = await leftOutBlobs(delta)
  const patched = await patchedLayers(delta.manifest, delta)
  const lacking = leftOut.filter(
    ({ digest, sizeBytes }) => !patched.has(digest) && base.extents.get(digest)?.sizeBytes !== sizeBytes,
  )
  if (lacking.length > 0) throw baseDiffers(delta, base.manifest, base.path, lacking)
}

/** How much blobs are together: `12 blobs (3.4 GB)`. */
export function blobsText(blobs: Pick<ReachableBlob, 'sizeBytes'>[]): string {
  const bytes = blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return `${blobs.length} ${blobs.length === 1 ? 'blob' : 'blobs'} (${bytesText(bytes)})`
}

function notADelta(path: string): MojaboxError {
  return new MojaboxError({
    code: 'not-a-delta',
    kind: 'usage',
    message: `${path} is no delta: it carries all that it lists`,
    found: '--base with a whole bundle',
    needed: 'a bundle that was built with --base',
    next: 'leave --base out',
  })
}

function baseDiffers(
  { path, manifest }: OpenBundle,
  base: BundleManifest,
  basePath: string,
  lacking: ReachableBlob[],
): MojaboxError {
  return new MojaboxError({
    code: 'base-differs',
    kind: 'bundle',
    message: `${basePath} is not the base of ${path}: of what that leaves out, it lacks ${blobsText(lacking)}`,
    found: `bundle ${base.digest}, ${base.deployment} ${base.version}`,
    needed: `bundle ${manifest.base}`,
    next: 'name that one: --base FILE (`mojabox bundle inspect FILE` shows a digest), or use the whole bundle',
  })
}

import { digestOf, hexOf } from '../../format/digest.ts'
import { MojaboxError } from '../../format/error.ts'
import { diffIdsIn } from '../../format/image-config.ts'
import { imageManifests } from '../../format/image-manifests.ts'
import { type LayerPatch, patchDescriptor } from '../../format/layer-patch.ts'
import { ARTIFACT_TYPES, type Artifact, type Digest } from '../../format/manifest.ts'
import type { OpenBundle } from '../../format/open.ts'
import { jsonReader, platformText } from '../../format/read-artifact.ts'
import { carry } from '../artifact-manifest.ts'
import { parseReference } from '../oci/reference.ts'
import type { BuildContext, CarriedArtifact } from '../source.ts'
import { type ImageLayer, type LayerFiles, layerFiles } from './layer-files.ts'
import { makePatch } from './make-patch.ts'
import { likeBytes, olderEntries } from './plan-parts.ts'

/** An image of one platform. */
interface PlatformImage {
  /** Repository and platform: what makes two images versions of one. */
  key: string
  layers: ImageLayer[]
}

/** A layer below this is sent whole: a request more costs as much. */
const MIN_LAYER_BYTES = 16 * 1024
/** A patch is carried where it is below this share of the layer. */
const WORTH = 0.7
/** Of the new layer, in entries that the older one has too. */
const MIN_LIKE = 0.2

/** Beside a layer in the cache; another number when patches are made differently. */
const FACT = 'patch-1'

/**
 * Patches for the layers that a base lacks and has an older version of, in the same repository's image; as one artifact.
 * Undefined where there is none to carry.
 */
export async function carryPatches(
  artifacts: Artifact[],
  base: OpenBundle,
  context: BuildContext,
): Promise<CarriedArtifact | undefined> {
  const newer = await platformImages(artifacts, context.cache)
  const older = await platformImages(base.manifest.artifacts, base)
  const held = new Set(older.flatMap(({ layers }) => layers.map(({ diffId }) => diffId)))
  const isLacked = ({ descriptor, diffId }: ImageLayer): boolean =>
    !base.extents.has(descriptor.digest) && !held.has(diffId) && descriptor.size >= MIN_LAYER_BYTES
  const patches = new Map<Digest, LayerPatch>()
  for (const { key, layers } of newer) {
    const kept = new Set(layers.map(({ diffId }) => diffId))
    const replaced = older.flatMap((image) => (image.key === key ? image.layers : []))
    const candidates = replaced.filter(({ diffId }) => !kept.has(diffId))
    if (candidates.length === 0) continue
    const files = layerFiles(context.cache, context.signal)
    try {
      for (const layer of layers.filter(isLacked)) {
        if (patches.has(layer.descriptor.digest)) continue
        const patch = await patchFor(layer, candidates, { base, context, files })
        if (patch) patches.set(layer.descriptor.digest, patch)
      }
    } finally {
      await files.remove()
    }
  }
  if (patches.size === 0) return undefined
  const artifact = { kind: 'patches' as const, name: 'layer-patches', platform: undefined, unpackedBytes: 0 }
  return carry(context, artifact, ARTIFACT_TYPES.patches, [...patches.values()].map(patchDescriptor))
}

async function platformImages(artifacts: Artifact[], source: Parameters<typeof jsonReader>[0]) {
  const read = jsonReader(source)
  const found: PlatformImage[] = []
  for (const artifact of artifacts.filter(({ kind }) => kind === 'image')) {
    const reference = parseReference(artifact.name)
    const repository = reference ? `${reference.registry}/${reference.repository}` : artifact.name
    for (const { manifest, platform } of await imageManifests(artifact, read)) {
      const diffIds = diffIdsIn(await read(manifest.config))
      if (diffIds.length !== manifest.layers.length) continue
      const layers = manifest.layers.map((descriptor, at) => ({ descriptor, diffId: diffIds[at] as Digest }))
      found.push({ key: `${repository} ${platform ? platformText(platform) : ''}`, layers })
    }
  }
  return found
}

interface Making {
  base: OpenBundle
  context: BuildContext
  files: LayerFiles
}

/** Made once, then known. */
async function patchFor(layer: ImageLayer, candidates: ImageLayer[], making: Making): Promise<LayerPatch | undefined> {
  const { cache } = making.context
  const over = hexOf(digestOf(candidates.map(({ diffId }) => diffId).join(' '))).slice(0, 16)
  const make = async (): Promise<string> => JSON.stringify((await madePatch(layer, candidates, making)) ?? null)
  const name = `${FACT}-${over}`
  const known = JSON.parse(await cache.fact(layer.descriptor.digest, name, make)) as LayerPatch | null
  if (known === null) return undefined
  // The fact may be older than the cache's content.
  if ((await cache.sizeOf(known.descriptor.digest)) === known.descriptor.size) return known
  return madePatch(layer, candidates, making)
}

async function madePatch(
  layer: ImageLayer,
  candidates: ImageLayer[],
  { base, context: { cache, signal, progress }, files }: Making,
): Promise<LayerPatch | undefined> {
  progress.expect(layer.descriptor.size)
  const newer = await files.of(layer, (digest) => cache.read(digest))
  if (newer === undefined) return undefined
  let best: { like: number; older: NonNullable<typeof newer> } | undefined
  for (const candidate of candidates) {
    const older = await files.of(candidate, (digest) => base.read(digest))
    if (older === undefined) continue
    const like = likeBytes(newer.entries, olderEntries(older.entries))
    if (like > (best?.like ?? newer.sizeBytes * MIN_LIKE)) best = { like, older }
  }
  const descriptor = best && (await makePatch(best.older, newer, cache, signal).catch(onlyUnusable))
  progress.arrived(layer.descriptor.size)
  if (best === undefined || descriptor === undefined) return undefined
  if (descriptor.size > layer.descriptor.size * WORTH) {
    await cache.drop(descriptor.digest)
    return undefined
  }
  const tar = ({ diffId, sizeBytes }: typeof newer) => ({ diffId, sizeBytes })
  return { descriptor, layer: layer.descriptor.digest, from: tar(best.older), to: tar(newer) }
}

/** Content that a patch cannot be made of (such as what begins like a dictionary of zstd) goes whole. */
function onlyUnusable(error: unknown): undefined {
  if (!(error instanceof MojaboxError) || error.facts.code !== 'patch-unusable') throw error
}

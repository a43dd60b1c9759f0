import { z } from 'zod'
import type { BlobSource } from './blob-source.ts'
import { bytesText } from './bytes-text.ts'
import { digestOf } from './digest.ts'
import { MojaboxError } from './error.ts'
import {
  ANNOTATIONS,
  ARTIFACT_KINDS,
  ARTIFACT_TYPES,
  type Artifact,
  type ArtifactKind,
  type BundleManifest,
  type Descriptor,
  Digest,
  MEDIA_TYPES,
  OciIndex,
  type OciManifest,
  type Platform,
} from './manifest.ts'
import { corruptDocument, issueText, parseIndex, parseJson, parseManifest } from './read-document.ts'

/** The largest blob that is read into memory whole; manifests and configurations are far below. */
export const SMALL_BLOB_BYTES = 16 * 1024 * 1024

/** What a blob is to the artifacts that reach it. */
export type BlobRole = 'bundle' | 'manifest' | 'config' | 'layer'

/** A blob that the bundle manifest reaches, and every artifact that shares it. */
export interface ReachableBlob {
  digest: Digest
  sizeBytes: number
  role: BlobRole
  artifacts: Artifact[]
}

/** Reads a manifest or index blob, digest checked, and gives its JSON. */
export type ReadJson = (descriptor: Descriptor) => Promise<unknown>

const Count = z.string().regex(/^\d+$/).transform(Number)

const ArtifactAnnotations = z.object({
  [ANNOTATIONS.kind]: z.enum(ARTIFACT_KINDS),
  [ANNOTATIONS.name]: z.string().min(1),
  [ANNOTATIONS.unpackedBytes]: Count,
  [ANNOTATIONS.ociDigest]: Digest.optional(),
  [ANNOTATIONS.ociSize]: Count.optional(),
})

const BundleIndex = OciIndex.extend({
  artifactType: z.literal(ARTIFACT_TYPES.bundle),
  annotations: z.object({
    [ANNOTATIONS.deployment]: z.string(),
    [ANNOTATIONS.version]: z.string(),
    [ANNOTATIONS.profiles]: z.string(),
    [ANNOTATIONS.base]: Digest.optional(),
  }),
})

/**
 * The bundle manifest from its bytes, wherever they came from.
 * @throws MojaboxError `bundle-corrupt` when the bytes have another digest or are no bundle manifest.
 */
export function parseBundleManifest(bytes: Uint8Array, digest: Digest): BundleManifest {
  const found = digestOf(bytes)
  if (found !== digest) throw corruptDocument('reading the bundle manifest: its digest differs', found, digest)
  const parsed = BundleIndex.safeParse(parseJson(bytes))
  if (!parsed.success)
    throw corruptDocument(
      'reading the bundle manifest: not one of mojabox',
      issueText(parsed.error),
      'a bundle manifest',
    )
  const { annotations, manifests } = parsed.data
  return {
    digest,
    deployment: annotations[ANNOTATIONS.deployment],
    version: annotations[ANNOTATIONS.version],
    profiles: annotations[ANNOTATIONS.profiles].split(',').filter(Boolean),
    base: annotations[ANNOTATIONS.base],
    artifacts: manifests.map(artifactOf),
  }
}

/** Kinds that the annotation calls `files`, for earlier versions. */
const KIND_OF_TYPE: Record<string, ArtifactKind> = {
  [ARTIFACT_TYPES.sbom]: 'sbom',
  [ARTIFACT_TYPES.patches]: 'patches',
}

function artifactOf(descriptor: Descriptor): Artifact {
  const parsed = ArtifactAnnotations.safeParse(descriptor.annotations)
  if (!parsed.success)
    throw corruptDocument(`reading artifact ${descriptor.digest}`, issueText(parsed.error), 'its kind, name and size')
  return {
    kind: KIND_OF_TYPE[descriptor.artifactType ?? ''] ?? parsed.data[ANNOTATIONS.kind],
    name: parsed.data[ANNOTATIONS.name],
    platform: descriptor.platform,
    unpackedBytes: parsed.data[ANNOTATIONS.unpackedBytes],
    descriptor,
    ociForm: ociFormOf(descriptor, parsed.data[ANNOTATIONS.ociDigest], parsed.data[ANNOTATIONS.ociSize]),
  }
}

function ociFormOf(
  descriptor: Descriptor,
  digest: Digest | undefined,
  size: number | undefined,
): Descriptor | undefined {
  if (digest === undefined || size === undefined) return undefined
  return { mediaType: isIndex(descriptor) ? MEDIA_TYPES.index : MEDIA_TYPES.manifest, digest, size }
}

/**
 * Every blob of one artifact, its own manifest first; a blob that is used twice is listed once.
 * @throws MojaboxError `bundle-corrupt` when a manifest is none.
 */
export async function artifactBlobs(artifact: Artifact, readJson: ReadJson): Promise<ReachableBlob[]> {
  const blobs = new Map<Digest, ReachableBlob>()
  const visited = new Set<Digest>()
  const add = ({ digest, size }: Descriptor, role: BlobRole): void => {
    if (!blobs.has(digest)) blobs.set(digest, { digest, sizeBytes: size, role, artifacts: [artifact] })
  }
  const visit = async (descriptor: Descriptor): Promise<void> => {
    // Once each: indexes that list the same one twice, one above the other, would never come to an end.
    if (visited.has(descriptor.digest)) return
    visited.add(descriptor.digest)
    add(descriptor, 'manifest')
    if (isIndex(descriptor)) {
      for (const child of parseIndex(await readJson(descriptor), descriptor.digest).manifests) await visit(child)
      return
    }
    const manifest = parseManifest(await readJson(descriptor), descriptor.digest)
    add(manifest.config, 'config')
    for (const layer of manifest.layers) add(layer, 'layer')
  }
  await visit(artifact.descriptor)
  return [...blobs.values()]
}

/**
 * Manifests that are read for one bundle, each as often as artifacts name it: some MB where a bundle is large. A bundle
 * that wants more read would keep a machine busy without end, however small it is.
 */
const MANIFESTS_BYTES = 256 * 1024 * 1024

/**
 * Every blob that the bundle manifest reaches, itself left out, with the artifacts that share each; also the OCI forms
 * of images, which `artifactBlobs` leaves out as no node needs them.
 * @throws MojaboxError `bundle-corrupt` when a manifest is none, or when more of them are named than any bundle needs
 */
export async function reachableBlobs(manifest: BundleManifest, readAny: ReadJson): Promise<ReachableBlob[]> {
  const all = new Map<Digest, ReachableBlob>()
  let readBytes = 0
  const readJson: ReadJson = async (descriptor) => {
    readBytes += descriptor.size
    if (readBytes > MANIFESTS_BYTES) throw tooManyManifests(manifest)
    return await readAny(descriptor)
  }
  for (const artifact of manifest.artifacts) {
    const own = await artifactBlobs(artifact, readJson)
    const { ociForm } = artifact
    const alike = ociForm === undefined ? [] : await artifactBlobs({ ...artifact, descriptor: ociForm }, readJson)
    for (const blob of uniqueOf([...own, ...alike])) {
      const known = all.get(blob.digest)
      if (known === undefined) all.set(blob.digest, { ...blob, artifacts: [artifact] })
      else known.artifacts.push(artifact)
    }
  }
  return [...all.values()]
}

function tooManyManifests({ digest, artifacts }: BundleManifest): MojaboxError {
  return corruptDocument(
    `reading bundle ${digest}: its ${artifacts.length} artifacts name more manifests than any bundle needs`,
    `more than ${bytesText(MANIFESTS_BYTES)}`,
    'a bundle that mojabox built',
  )
}

function uniqueOf(blobs: ReachableBlob[]): ReachableBlob[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()]
}

/**
 * A small blob from any source, digest checked.
 * @throws MojaboxError `blob-missing`, `blob-too-large`, `blob-corrupt`
 */
export async function readSmallBlob(source: BlobSource, digest: Digest, maxBytes = SMALL_BLOB_BYTES): Promise<Buffer> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of source.read(digest)) {
    sizeBytes += chunk.length
    if (sizeBytes > maxBytes) {
      throw new MojaboxError({
        code: 'blob-too-large',
        kind: 'bundle',
        message: `reading ${digest}: too large to be read whole`,
        found: `more than ${maxBytes} bytes`,
        needed: `at most ${maxBytes} bytes`,
      })
    }
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  const found = digestOf(bytes)
  if (found !== digest) throw corruptBlob(digest, found)
  return bytes
}

/**
 * `ReadJson` over any source of blobs.
 * @throws MojaboxError those of `readSmallBlob`, `bundle-corrupt` when it is not as large as its descriptor says
 */
export function jsonReader(source: BlobSource): ReadJson {
  return async ({ digest, size }) => {
    const bytes = await readSmallBlob(source, digest)
    if (bytes.length !== size)
      throw corruptDocument(`reading ${digest}: its size differs`, `${bytes.length} bytes`, `${size} bytes`)
    return parseJson(bytes)
  }
}

/**
 * An artifact's manifest; of an image carried for several platforms, that of the platform asked for.
 * @throws MojaboxError `platform-not-in-bundle`, and those of `readSmallBlob`
 */
export async function readArtifactManifest(
  source: BlobSource,
  artifact: Artifact,
  platform?: Platform,
): Promise<OciManifest> {
  const read = jsonReader(source)
  const { descriptor } = artifact
  if (!isIndex(descriptor)) return parseManifest(await read(descriptor), descriptor.digest)
  const { manifests } = parseIndex(await read(descriptor), descriptor.digest)
  const child = manifests.find((entry) => platform !== undefined && samePlatform(entry.platform, platform))
  if (child === undefined) {
    throw new MojaboxError({
      code: 'platform-not-in-bundle',
      kind: 'bundle',
      message: `reading ${artifact.name}: the bundle does not carry it for ${platform === undefined ? 'no platform named' : platformText(platform)}`,
      found: manifests.map((entry) => (entry.platform ? platformText(entry.platform) : 'unknown')).join(', '),
      needed: platform === undefined ? 'a platform' : platformText(platform),
      next: 'build the bundle with --platform',
    })
  }
  return parseManifest(await read(child), child.digest)
}

/** The files of a `files` or `packages` manifest by their path (its layers' titles). */
export function titledLayers(manifest: OciManifest): Map<string, Descriptor> {
  return new Map(
    manifest.layers.flatMap((layer) => {
      const title = layer.annotations?.[ANNOTATIONS.title]
      return title === undefined ? [] : [[title, layer] as const]
    }),
  )
}

export function isIndex(descriptor: Descriptor): boolean {
  return descriptor.mediaType === MEDIA_TYPES.index || descriptor.mediaType === MEDIA_TYPES.dockerList
}

/** A platform as one writes it: `linux/arm64`, `linux/arm/v7`. */
export function platformText({ os, architecture, variant }: Platform): string {
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`
}

/** Whether two platforms are the same; `v8` is what arm64 is without a variant. */
export function samePlatform(one: Platform | undefined, other: Platform): boolean {
  if (one === undefined) return false
  const variant = ({ architecture, variant }: Platform): string => variant ?? (architecture === 'arm64' ? 'v8' : '')
  return one.os === other.os && one.architecture === other.architecture && variant(one) === variant(other)
}

export function corruptBlob(digest: Digest, found: string, artifact?: string): MojaboxError {
  return new MojaboxError({
    code: 'blob-corrupt',
    kind: 'bundle',
    message: `checking ${artifact === undefined ? 'a blob' : artifact}: its content is damaged`,
    found: `content with digest ${found}`,
    needed: digest,
    next: 'copy the bundle again, or build it again',
  })
}

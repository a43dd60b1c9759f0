import { amountOf, leftOutOf, patchedOf } from './delta.ts'
import type { ArtifactKind, Digest } from './manifest.ts'
import type { OpenBundle } from './open.ts'
import { jsonReader, platformText, type ReachableBlob, reachableBlobs } from './read-artifact.ts'
import { artifactText } from './verify.ts'

export interface InspectedArtifact {
  kind: ArtifactKind
  name: string
  /** `linux/amd64`, or empty for what fits every platform. */
  platform: string
  digest: Digest
  /** All its blobs. */
  bytes: number
  /** Of these, in layers that other artifacts use too. */
  sharedBytes: number
  /** Of these, in blobs that a delta leaves out. */
  leftOutBytes: number
  unpackedBytes: number
}

export interface InspectedBundle {
  path: string
  digest: Digest
  deployment: string
  version: string
  profiles: string[]
  /** Of a delta: the digest of its base. */
  base: Digest | undefined
  /** What a delta leaves out. */
  leftOut: { blobs: number; bytes: number }
  /** Of these, layers in whose stead it has a patch. */
  patched: { blobs: number; bytes: number }
  /** Of the file. */
  bytes: number
  blobs: number
  artifacts: InspectedArtifact[]
  /** Layers that several artifacts use, largest first. */
  shared: { digest: Digest; bytes: number; artifacts: string[] }[]
}

/** The two bytes of an empty configuration are no news. */
function isShared({ artifacts, role }: ReachableBlob): boolean {
  return artifacts.length > 1 && role === 'layer'
}

/** What a bundle carries, from its manifests alone. */
export async function inspectBundle(bundle: OpenBundle): Promise<InspectedBundle> {
  const { manifest } = bundle
  const blobs = await reachableBlobs(manifest, jsonReader(bundle))
  const leftOut = new Set(leftOutOf(bundle, blobs))
  const sum = (counted: ReachableBlob[]): number => counted.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
  const artifacts = manifest.artifacts.map((artifact) => {
    const own = blobs.filter((blob) => blob.artifacts.includes(artifact))
    return {
      kind: artifact.kind,
      name: artifact.name,
      platform: artifact.platform === undefined ? '' : platformText(artifact.platform),
      digest: artifact.descriptor.digest,
      bytes: sum(own),
      sharedBytes: sum(own.filter(isShared)),
      leftOutBytes: sum(own.filter((blob) => leftOut.has(blob))),
      unpackedBytes: artifact.unpackedBytes,
    }
  })
  const shared = blobs
    .filter(isShared)
    .sort((one, other) => other.sizeBytes - one.sizeBytes || (one.digest < other.digest ? -1 : 1))
    .map((blob) => ({ digest: blob.digest, bytes: blob.sizeBytes, artifacts: blob.artifacts.map(artifactText) }))
  const { digest, deployment, version, profiles, base } = manifest
  return {
    path: bundle.path,
    digest,
    deployment,
    version,
    profiles,
    base,
    leftOut: amountOf([...leftOut]),
    patched: amountOf(await patchedOf(bundle, [...leftOut])),
    bytes: bundle.sizeBytes,
    blobs: bundle.extents.size,
    artifacts,
    shared,
  }
}

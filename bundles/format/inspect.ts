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
  /** All its blobs in the bundle. */
  bytes: number
  /** Of these, in layers that other artifacts use too. */
  sharedBytes: number
  unpackedBytes: number
}

export interface InspectedBundle {
  path: string
  digest: Digest
  deployment: string
  version: string
  profiles: string[]
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
  const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0)
  const artifacts = manifest.artifacts.map((artifact) => {
    const own = blobs.filter((blob) => blob.artifacts.includes(artifact))
    return {
      kind: artifact.kind,
      name: artifact.name,
      platform: artifact.platform === undefined ? '' : platformText(artifact.platform),
      digest: artifact.descriptor.digest,
      bytes: sum(own.map(({ sizeBytes }) => sizeBytes)),
      sharedBytes: sum(own.filter(isShared).map(({ sizeBytes }) => sizeBytes)),
      unpackedBytes: artifact.unpackedBytes,
    }
  })
  const shared = blobs
    .filter(isShared)
    .sort((one, other) => other.sizeBytes - one.sizeBytes || (one.digest < other.digest ? -1 : 1))
    .map((blob) => ({ digest: blob.digest, bytes: blob.sizeBytes, artifacts: blob.artifacts.map(artifactText) }))
  const { digest, deployment, version, profiles } = manifest
  return {
    path: bundle.path,
    digest,
    deployment,
    version,
    profiles,
    bytes: bundle.sizeBytes,
    blobs: bundle.extents.size,
    artifacts,
    shared,
  }
}

import type { Artifact, ArtifactKind, Digest } from './manifest.ts'
import type { OpenBundle } from './open.ts'
import { type BlobRole, jsonReader, platformText, type ReachableBlob, reachableBlobs } from './read-artifact.ts'
import { artifactText } from './verify.ts'

/** One side of a comparison. */
export interface DiffedBundle {
  path: string
  digest: Digest
  deployment: string
  version: string
}

/** An artifact that both have, with other content in each, or that only one of them has. */
export interface DiffedArtifact {
  kind: ArtifactKind
  name: string
  /** `linux/amd64`, or empty for what fits every platform. */
  platform: string
  /** In A; undefined when A lacks it. */
  from: Digest | undefined
  /** In B; undefined when B lacks it. */
  to: Digest | undefined
  /** Of its blobs in B, those that A lacks. */
  addedBytes: number
  /** Of its blobs in A, those that B lacks. */
  removedBytes: number
}

export interface DiffedBlob {
  digest: Digest
  bytes: number
  role: BlobRole
  /** Those of the bundle it is in. */
  artifacts: string[]
}

export interface BundleDiff {
  a: DiffedBundle
  b: DiffedBundle
  /** In B's order, then what only A has. */
  artifacts: DiffedArtifact[]
  /** Artifacts that are the same in both. */
  sameArtifacts: number
  /** Blobs that B has and A lacks, the largest first; the bundle manifests themselves are left out. */
  added: DiffedBlob[]
  removed: DiffedBlob[]
  addedBytes: number
  removedBytes: number
  /** Blobs, and their bytes, that both have. */
  sameBlobs: number
  sameBytes: number
}

type Blobs = Map<Digest, ReachableBlob>

/**
 * What two bundles have that the other lacks, by what their manifests list: for a delta that is what it stands for,
 * not only what it carries.
 * @throws MojaboxError `bundle-corrupt`, `blob-corrupt`
 */
export async function diffBundles(bundleA: OpenBundle, bundleB: OpenBundle): Promise<BundleDiff> {
  const [a, b] = await Promise.all([blobsOf(bundleA), blobsOf(bundleB)])
  const [added, removed] = [lackedBy(a, b), lackedBy(b, a)]
  const { artifacts, same } = diffArtifacts(bundleA, bundleB, { added, removed })
  const shared = [...b.values()].filter(({ digest }) => a.has(digest))
  return {
    a: nameOf(bundleA),
    b: nameOf(bundleB),
    artifacts,
    sameArtifacts: same,
    added: added.map(described),
    removed: removed.map(described),
    addedBytes: sum(added),
    removedBytes: sum(removed),
    sameBlobs: shared.length,
    sameBytes: sum(shared),
  }
}

async function blobsOf(bundle: OpenBundle): Promise<Blobs> {
  const manifest = { ...bundle.manifest, artifacts: artifactsOf(bundle) }
  const blobs = await reachableBlobs(manifest, jsonReader(bundle))
  return new Map(blobs.map((blob) => [blob.digest, blob]))
}

function nameOf({ path, manifest: { digest, deployment, version } }: OpenBundle): DiffedBundle {
  return { path, digest, deployment, version }
}

function diffArtifacts(
  a: OpenBundle,
  b: OpenBundle,
  { added, removed }: { added: ReachableBlob[]; removed: ReachableBlob[] },
): { artifacts: DiffedArtifact[]; same: number } {
  const [inA, inB] = [byIdentity(a), byIdentity(b)]
  const all = [...new Set([...inB.keys(), ...inA.keys()])].map((key) => ({ from: inA.get(key), to: inB.get(key) }))
  const differing = all.filter(({ from, to }) => from?.descriptor.digest !== to?.descriptor.digest)
  const artifacts = differing.flatMap(({ from, to }) => {
    const either = to ?? from
    if (either === undefined) return []
    return {
      kind: either.kind,
      name: either.name,
      platform: either.platform === undefined ? '' : platformText(either.platform),
      from: from?.descriptor.digest,
      to: to?.descriptor.digest,
      addedBytes: sum(added.filter(({ artifacts }) => to !== undefined && artifacts.includes(to))),
      removedBytes: sum(removed.filter(({ artifacts }) => from !== undefined && artifacts.includes(from))),
    }
  })
  return { artifacts, same: all.length - differing.length }
}

/** Patches are another way to what the bundle stands for. */
function artifactsOf({ manifest }: OpenBundle): Artifact[] {
  return manifest.artifacts.filter(({ kind }) => kind !== 'patches')
}

/** By what makes an artifact the same one in two bundles. */
function byIdentity(bundle: OpenBundle): Map<string, Artifact> {
  return new Map(artifactsOf(bundle).map((artifact) => [artifactText(artifact), artifact]))
}

/** Blobs of the other that this one lacks, the largest first. */
function lackedBy(one: Blobs, other: Blobs): ReachableBlob[] {
  return [...other.values()]
    .filter(({ digest }) => !one.has(digest))
    .sort((first, next) => next.sizeBytes - first.sizeBytes || (first.digest < next.digest ? -1 : 1))
}

function described({ digest, sizeBytes, role, artifacts }: ReachableBlob): DiffedBlob {
  return { digest, bytes: sizeBytes, role, artifacts: artifacts.map(artifactText) }
}

function sum(blobs: ReachableBlob[]): number {
  return blobs.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
}

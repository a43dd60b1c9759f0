import { digestOf } from '../format/digest.ts'
import { jsonBytes } from '../format/json-bytes.ts'
import { type Artifact, type Descriptor, type Digest, MEDIA_TYPES, type OciManifest } from '../format/manifest.ts'
import type { BuildContext, CarriedArtifact, CarriedBlob } from './source.ts'

/** The configuration of what is no image: two bytes, the same everywhere. */
export const EMPTY_CONFIG = Buffer.from('{}')

interface ManifestParts {
  artifactType: string
  layers: Descriptor[]
  subject?: Descriptor | undefined
  annotations?: Record<string, string>
}

/** The manifest of an artifact that is no image: its type, its files as layers, and what it is about. */
export function artifactManifest({ artifactType, layers, subject, annotations = {} }: ManifestParts): Buffer {
  const manifest: OciManifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    artifactType,
    config: { mediaType: MEDIA_TYPES.empty, digest: digestOf(EMPTY_CONFIG), size: EMPTY_CONFIG.length },
    layers,
    ...(subject === undefined ? {} : { subject }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  }
  return jsonBytes(manifest)
}

/** An artifact's manifest into the cache, and what the bundle lists of it. */
export async function carry(
  { cache }: BuildContext,
  artifact: Omit<Artifact, 'descriptor'>,
  artifactType: string,
  layers: Descriptor[],
  annotations: Record<string, string> = {},
): Promise<CarriedArtifact> {
  const bytes = artifactManifest({ artifactType, layers, annotations })
  await cache.put(EMPTY_CONFIG)
  const digest = await cache.put(bytes)
  const blob = ({ digest, size }: { digest: Digest; size: number }): CarriedBlob => ({
    digest,
    sizeBytes: size,
    isManifest: false,
  })
  return {
    artifact: {
      ...artifact,
      descriptor: { mediaType: MEDIA_TYPES.manifest, digest, size: bytes.length, artifactType },
    },
    blobs: [
      { digest, sizeBytes: bytes.length, isManifest: true },
      blob({ digest: digestOf(EMPTY_CONFIG), size: EMPTY_CONFIG.length }),
      ...layers.map(blob),
    ],
  }
}

import { jsonBytes } from './json-bytes.ts'
import {
  ANNOTATIONS,
  ARTIFACT_TYPES,
  type Artifact,
  type ArtifactKind,
  type BundleManifest,
  type Descriptor,
  MEDIA_TYPES,
} from './manifest.ts'

/** The reference under which any OCI tool finds the bundle manifest. */
export const BUNDLE_REF = 'mojabox-bundle'

/** Bytes of the `oci-layout` file. */
export const OCI_LAYOUT = jsonBytes({ imageLayoutVersion: '1.0.0' })

/** The bytes of the bundle manifest; their digest is the bundle's identity. */
export function encodeBundleManifest(manifest: Omit<BundleManifest, 'digest'>): Buffer {
  const annotations: Record<string, string> = {
    [ANNOTATIONS.deployment]: manifest.deployment,
    [ANNOTATIONS.version]: manifest.version,
    [ANNOTATIONS.profiles]: manifest.profiles.join(','),
    ...(manifest.base === undefined ? {} : { [ANNOTATIONS.base]: manifest.base }),
  }
  return jsonBytes({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    artifactType: ARTIFACT_TYPES.bundle,
    manifests: manifest.artifacts.map(artifactDescriptor),
    annotations,
  })
}

/**
 * The bytes of `index.json`: the bundle manifest first, then each artifact under the name by which OCI tools ask for
 * it. It says nothing that the manifest does not; `openBundle` refuses any other.
 */
export function encodeIndexJson(manifest: BundleManifest, manifestSizeBytes: number): Buffer {
  const bundle = {
    mediaType: MEDIA_TYPES.index,
    digest: manifest.digest,
    size: manifestSizeBytes,
    artifactType: ARTIFACT_TYPES.bundle,
    annotations: { [ANNOTATIONS.refName]: BUNDLE_REF },
  }
  const artifacts = manifest.artifacts.map((artifact) => {
    const descriptor = artifactDescriptor(artifact)
    const { mediaType, digest, size } = artifact.ociForm ?? descriptor
    const annotations = { ...descriptor.annotations, [ANNOTATIONS.refName]: refName(artifact) }
    return { ...descriptor, mediaType, digest, size, annotations }
  })
  return jsonBytes({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [bundle, ...artifacts] })
}

/** An image keeps its own reference; the others get one that no registry can have. */
function refName(artifact: Artifact): string {
  if (artifact.kind === 'image') return artifact.name
  const tag = artifact.platform === undefined ? '' : `:${artifact.platform.architecture}`
  return `mojabox-${kindText(artifact.kind)}/${artifact.name}${tag}`
}

/**
 * Earlier versions of mojabox refuse a bundle with a kind that they do not know. To them an SBOM, and patches, are sets of
 * files; the artifact type tells what they are.
 */
function kindText(kind: ArtifactKind): string {
  return kind === 'sbom' || kind === 'patches' ? 'files' : kind
}

/** An artifact's descriptor, its members in one fixed order. */
function artifactDescriptor({ kind, name, platform, unpackedBytes, descriptor, ociForm }: Artifact): Descriptor {
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    ...(descriptor.artifactType === undefined ? {} : { artifactType: descriptor.artifactType }),
    ...(platform === undefined
      ? {}
      : {
          platform: {
            architecture: platform.architecture,
            os: platform.os,
            ...(platform.variant === undefined ? {} : { variant: platform.variant }),
          },
        }),
    annotations: {
      [ANNOTATIONS.kind]: kindText(kind),
      [ANNOTATIONS.name]: name,
      [ANNOTATIONS.unpackedBytes]: String(unpackedBytes),
      ...(ociForm === undefined
        ? {}
        : { [ANNOTATIONS.ociDigest]: ociForm.digest, [ANNOTATIONS.ociSize]: String(ociForm.size) }),
    },
  }
}

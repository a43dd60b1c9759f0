import { digestOf } from '../../../bundles/format/digest.ts'
import { encodeIndexJson, OCI_LAYOUT } from '../../../bundles/format/index-json.ts'
import { jsonBytes } from '../../../bundles/format/json-bytes.ts'
import {
  ANNOTATIONS,
  ARTIFACT_TYPES,
  type Descriptor,
  type Digest,
  MEDIA_TYPES,
} from '../../../bundles/format/manifest.ts'
import { parseBundleManifest } from '../../../bundles/format/read-artifact.ts'
import { END_BYTES, encodeHeader, paddingBytes } from '../../../bundles/format/tar-header.ts'

/** Blobs of a bundle that is forged: whatever they hold, their digests are right. */
export class ForgedBlobs {
  readonly blobs = new Map<Digest, Buffer>()

  put(content: Buffer | string | object, mediaType: string = MEDIA_TYPES.blob): Descriptor {
    const bytes = Buffer.isBuffer(content)
      ? content
      : Buffer.from(typeof content === 'string' ? content : jsonBytes(content))
    const digest = digestOf(bytes)
    this.blobs.set(digest, bytes)
    return { mediaType, digest, size: bytes.length }
  }

  /** A manifest of an artifact with these layers. */
  manifest(layers: Descriptor[], more: object = {}): Descriptor {
    const config = this.put('{}', MEDIA_TYPES.empty)
    return this.put(
      { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers, ...more },
      MEDIA_TYPES.manifest,
    )
  }
}

/** An entry of a bundle manifest. */
export function listed(kind: string, name: string, descriptor: Descriptor, more: object = {}): object {
  const annotations = { [ANNOTATIONS.kind]: kind, [ANNOTATIONS.name]: name, [ANNOTATIONS.unpackedBytes]: '10' }
  return { ...descriptor, annotations, ...more }
}

/** A bundle manifest by the book, over these entries. */
export function bundleManifest(manifests: unknown[]): Record<string, unknown> {
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    artifactType: ARTIFACT_TYPES.bundle,
    manifests,
    annotations: {
      [ANNOTATIONS.deployment]: 'core-test-harness',
      [ANNOTATIONS.version]: '1.0.0',
      [ANNOTATIONS.profiles]: 'central-ledger',
    },
  }
}

/** `index.json` as it follows from a bundle manifest; of a manifest that is none, one that only names it. */
function indexJson(bytes: Buffer): Buffer {
  const digest = digestOf(bytes)
  try {
    return encodeIndexJson(parseBundleManifest(bytes, digest), bytes.length)
  } catch {
    const bundle = { mediaType: MEDIA_TYPES.index, digest, size: bytes.length }
    return jsonBytes({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [bundle] })
  }
}

/** The file: a tar by the book of whatever these blobs are. */
export function bundleBytes(manifest: unknown, blobs: ReadonlyMap<Digest, Buffer>): Buffer {
  const bytes = Buffer.from(JSON.stringify(manifest) ?? '')
  const files: [string, Buffer][] = [
    ['oci-layout', OCI_LAYOUT],
    ['index.json', indexJson(bytes)],
    ...[...new Map([[digestOf(bytes), bytes], ...blobs])].map(([digest, content]): [string, Buffer] => [
      `blobs/sha256/${digest.slice('sha256:'.length)}`,
      content,
    ]),
  ]
  return Buffer.concat([
    ...files.flatMap(([name, content]) => [
      encodeHeader(name, content.length),
      content,
      Buffer.alloc(paddingBytes(content.length)),
    ]),
    Buffer.alloc(END_BYTES),
  ])
}

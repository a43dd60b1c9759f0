import { digestOf } from '../../format/digest.ts'
import { jsonBytes } from '../../format/json-bytes.ts'
import { type Descriptor, MEDIA_TYPES } from '../../format/manifest.ts'
import type { RawManifest } from './origin.ts'

const TYPES: Readonly<Record<string, string>> = {
  [MEDIA_TYPES.dockerManifest]: MEDIA_TYPES.manifest,
  [MEDIA_TYPES.dockerList]: MEDIA_TYPES.index,
  'application/vnd.docker.container.image.v1+json': 'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.image.rootfs.diff.tar': 'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip': 'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd': 'application/vnd.oci.image.layer.v1.tar+zstd',
}

/**
 * A manifest or index in OCI form: the same content under OCI's names. `replaced` has the OCI forms of an index's
 * manifests by their own digest. Undefined when nothing of it is Docker's.
 */
export function ociForm(
  { bytes }: RawManifest,
  replaced: ReadonlyMap<string, Descriptor | undefined>,
): RawManifest | undefined {
  const json = JSON.parse(bytes.toString('utf8'))
  const rename = <T extends { mediaType: string; digest: string }>(descriptor: T): T => ({
    ...descriptor,
    mediaType: TYPES[descriptor.mediaType] ?? descriptor.mediaType,
    ...replaced.get(descriptor.digest),
  })
  const form = {
    ...json,
    ...(json.mediaType === undefined ? {} : { mediaType: TYPES[json.mediaType] ?? json.mediaType }),
    ...(json.config === undefined ? {} : { config: rename(json.config) }),
    ...(json.layers === undefined ? {} : { layers: json.layers.map(rename) }),
    ...(json.manifests === undefined ? {} : { manifests: json.manifests.map(rename) }),
  }
  if (JSON.stringify(form) === JSON.stringify(json)) return undefined
  const formed = jsonBytes(form)
  const mediaType = json.manifests === undefined ? MEDIA_TYPES.manifest : MEDIA_TYPES.index
  return { descriptor: { mediaType, digest: digestOf(formed), size: formed.length }, bytes: formed }
}

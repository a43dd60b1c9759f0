import { digestOf } from '../../format/digest.ts'
import { jsonBytes } from '../../format/json-bytes.ts'
import { type Descriptor, MEDIA_TYPES, OciIndex } from '../../format/manifest.ts'
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
 * manifests by their own digest; it must be one or the other. Undefined when nothing of it is Docker's.
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
  const isIndex = OciIndex.safeParse(json).success
  const form = {
    ...json,
    ...(json.mediaType === undefined ? {} : { mediaType: TYPES[json.mediaType] ?? json.mediaType }),
    ...(isIndex
      ? { manifests: json.manifests.map(rename) }
      : { config: rename(json.config), layers: json.layers.map(rename) }),
  }
  if (JSON.stringify(form) === JSON.stringify(json)) return undefined
  const formed = jsonBytes(form)
  const mediaType = isIndex ? MEDIA_TYPES.index : MEDIA_TYPES.manifest
  return { descriptor: { mediaType, digest: digestOf(formed), size: formed.length }, bytes: formed }
}

import { digestOf } from '../../../bundles/format/digest.ts'
import type { Digest, Platform } from '../../../bundles/format/manifest.ts'
import { type Artifact, type BundleManifest, type Descriptor, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import type { FakeDesk } from './fake-desk.ts'

const AMD64: Platform = { os: 'linux', architecture: 'amd64' }

/** What the configuration says that a layer unpacks to. */
export function diffIdOf(layer: string): Digest {
  return digestOf(`unpacked ${layer}`)
}

/** An image whose blobs the desk has: a configuration and layers of that content. */
export function addImage(desk: FakeDesk, layers: string[], mediaType: string = MEDIA_TYPES.manifest): Descriptor {
  const config = {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    ...desk.addJson({ rootfs: { type: 'layers', diff_ids: layers.map(diffIdOf) } }),
  }
  const described = layers.map((content) => ({
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    digest: desk.add(content),
    size: Buffer.byteLength(content),
  }))
  return { mediaType, ...desk.addJson({ schemaVersion: 2, mediaType, config, layers: described }) }
}

/** An index over images of several platforms. */
export function addIndex(desk: FakeDesk, images: Record<string, Descriptor>): Descriptor {
  const manifests = Object.entries(images).map(([architecture, descriptor]) => ({
    ...descriptor,
    platform: { os: 'linux', architecture },
  }))
  return { mediaType: MEDIA_TYPES.index, ...desk.addJson({ schemaVersion: 2, manifests }) }
}

export function imageArtifact(name: string, descriptor: Descriptor, platform: Platform | undefined = AMD64): Artifact {
  return { kind: 'image', name, platform, unpackedBytes: 1, descriptor }
}

export function bundleOf(artifacts: Artifact[]): BundleManifest {
  return {
    digest: digestOf('manifest'),
    deployment: 'core-test-harness',
    version: '1.0.0',
    profiles: ['central-ledger'],
    artifacts,
  }
}

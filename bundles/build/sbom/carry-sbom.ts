import { type Component, CYCLONEDX } from '../../format/cyclonedx.ts'
import { digestOf } from '../../format/digest.ts'
import { imageManifests } from '../../format/image-manifests.ts'
import { jsonBytes } from '../../format/json-bytes.ts'
import {
  ANNOTATIONS,
  ARTIFACT_TYPES,
  type Artifact,
  type Descriptor,
  MEDIA_TYPES,
  type OciIndex,
  type OciManifest,
} from '../../format/manifest.ts'
import { jsonReader } from '../../format/read-artifact.ts'
import { artifactManifest, EMPTY_CONFIG } from '../artifact-manifest.ts'
import type { LockedArtifact } from '../lock.ts'
import type { BuildContext, CarriedArtifact, CarriedBlob } from '../source.ts'
import { executableComponent, imageComponent, packagesComponent } from './components.ts'
import { documentBytes } from './document.ts'
import { imageContent } from './image-content.ts'
import { layerContent } from './read-layer.ts'

interface SbomOptions {
  deployment: { name: string; version: string }
  /** In the order of the bundle; every blob is in the cache. */
  artifacts: Artifact[]
  locked: LockedArtifact[]
  /** Version of the mojabox that the list is by. */
  version: string
}

/**
 * The SBOM of a bundle as one artifact: an index of manifests with a CycloneDX document each. The first is about the whole
 * bundle; the others are about one image each, and name its manifest as their subject (OCI 1.1 referrers).
 */
export async function carrySbom(options: SbomOptions, context: BuildContext): Promise<CarriedArtifact> {
  const { deployment, artifacts, locked, version } = options
  const blobs: CarriedBlob[] = []
  const put = async (bytes: Buffer, isManifest: boolean): Promise<void> => {
    blobs.push({ digest: await context.cache.put(bytes), sizeBytes: bytes.length, isManifest })
  }
  const putDocument = async (document: Buffer, title: string, subject?: Descriptor): Promise<Descriptor> => {
    const layer = { mediaType: CYCLONEDX, digest: digestOf(document), size: document.length }
    const layers = [{ ...layer, annotations: { [ANNOTATIONS.title]: 'sbom.cdx.json' } }]
    const bytes = artifactManifest({ artifactType: CYCLONEDX, layers, subject })
    await put(document, false)
    await put(bytes, true)
    const descriptor = { mediaType: MEDIA_TYPES.manifest, digest: digestOf(bytes), size: bytes.length }
    return { ...descriptor, artifactType: CYCLONEDX, annotations: { [ANNOTATIONS.title]: title } }
  }
  const images: Component[] = []
  const referrers: Descriptor[] = []
  for (const artifact of artifacts.filter(({ kind }) => kind === 'image')) {
    for (const { component, subjects } of await imageComponents(artifact, context)) {
      const { components = [], ...image } = component
      const document = documentBytes(image, components, version)
      for (const subject of subjects) referrers.push(await putDocument(document, artifact.name, subject))
      images.push(component)
    }
  }
  const others = locked.flatMap((entry) => {
    if (entry.source === 'deb') return packagesComponent(entry)
    return entry.source === 'file' && entry.kind === 'executable' ? executableComponent(entry, version) : []
  })
  const bundle: Component = { type: 'application', 'bom-ref': 'bundle', ...deployment }
  const whole = await putDocument(documentBytes(bundle, [...images, ...others], version), 'bundle')
  const index: OciIndex = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    artifactType: ARTIFACT_TYPES.sbom,
    manifests: [whole, ...referrers],
  }
  const bytes = jsonBytes(index)
  await put(EMPTY_CONFIG, false)
  await put(bytes, true)
  const descriptor = { mediaType: MEDIA_TYPES.index, digest: digestOf(bytes), size: bytes.length }
  const artifactType = ARTIFACT_TYPES.sbom
  // Nothing of it is for a node.
  const carried = { kind: 'sbom' as const, name: 'sbom', platform: undefined, unpackedBytes: 0 }
  return { artifact: { ...carried, descriptor: { ...descriptor, artifactType } }, blobs }
}

interface FoundImage {
  component: Component
  /** Its manifest as its registry has it and, where that is Docker's, in OCI form. */
  subjects: Descriptor[]
}

/** One of each platform. */
async function imageComponents(artifact: Artifact, context: BuildContext): Promise<FoundImage[]> {
  const manifests = await imageManifests(artifact, jsonReader(context.cache))
  return Promise.all(
    manifests.map(async ({ manifest, descriptor, platform, ociForm }) => {
      const content = await contentOf(manifest, context)
      const component = imageComponent({ name: artifact.name, digest: descriptor.digest, platform }, content)
      return { component, subjects: [descriptor, ...(ociForm === undefined ? [] : [ociForm])].map(pin) }
    }),
  )
}

async function contentOf({ layers }: OciManifest, { cache, limit, signal, progress }: BuildContext) {
  for (const { size } of layers) progress.expect(size)
  const read = layers.map((layer) =>
    limit(async () => {
      const content = await layerContent(cache, layer, signal)
      progress.arrived(layer.size)
      return content
    }),
  )
  return imageContent(await Promise.all(read))
}

function pin({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}

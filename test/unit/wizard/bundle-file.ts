import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { writeBundle } from '../../../bundles/build/write.ts'
import { encodeBundleManifest, encodeIndexJson } from '../../../bundles/format/index-json.ts'
import { ANNOTATIONS, ARTIFACT_TYPES, type Artifact, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import { shippedBundle } from '../deployments/harness.ts'

const SHIPPED = join(import.meta.dirname, '..', '..', '..', 'bundles', 'core-test-harness')

/** Writes a bundle with the deployment as it is shipped, and images and packages of a few bytes. */
export async function writeShippedBundle(
  path: string,
  { profiles = ['central-ledger'], deployment = 'core-test-harness', version = '1.0.0' } = {},
): Promise<void> {
  const { bundle, desk } = shippedBundle()
  const titles = readdirSync(SHIPPED, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(SHIPPED.length + 1))
  const layers = titles.map((title) => {
    const content = readFileSync(join(SHIPPED, title))
    const annotations = { [ANNOTATIONS.title]: title }
    return { mediaType: MEDIA_TYPES.blob, digest: desk.add(content), size: content.length, annotations }
  })
  const config = { mediaType: MEDIA_TYPES.empty, ...desk.addJson({}) }
  const artifactType = ARTIFACT_TYPES.files
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, artifactType, config, layers }
  const descriptor = { mediaType: MEDIA_TYPES.manifest, ...desk.addJson(manifest), artifactType }
  const files: Artifact = { kind: 'files', name: deployment, platform: undefined, unpackedBytes: 1, descriptor }
  const artifacts = [...bundle.manifest.artifacts, files]
  const facts = { deployment, version, profiles, artifacts }
  const bytes = encodeBundleManifest(facts)
  const digest = desk.add(bytes)
  const manifests = [digest, ...artifacts.map((artifact) => artifact.descriptor.digest)]
  await writeBundle({
    path,
    indexJson: encodeIndexJson({ ...facts, digest }, bytes.length),
    blobs: [...desk.blobs].map(([name, { length }]) => {
      return { digest: name, sizeBytes: length, isManifest: manifests.includes(name) }
    }),
    from: {
      sizeOf: async () => undefined,
      read: (name) => Readable.from([desk.blobs.get(name) ?? Buffer.alloc(0)]),
    },
    signal: new AbortController().signal,
    onBytes: () => {},
  })
}

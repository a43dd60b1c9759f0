import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NodeBundle } from '../../../agent/contract/step.ts'
import { ANNOTATIONS, type Artifact, type Digest, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import { FakeDesk } from '../store/fake-desk.ts'
import { addImage, bundleOf, imageArtifact } from '../store/image.ts'

const SHIPPED = join(import.meta.dirname, '..', '..', '..', 'bundles', 'core-test-harness')

export const IMAGES = [
  'docker.io/mojaloop/central-ledger:v19.5.5',
  'docker.io/apache/kafka:4.1.2',
  'docker.io/library/mysql:8.0',
  'docker.io/library/redis:8.0',
]

function packagesArtifact(desk: FakeDesk, architecture: string, install: string | undefined): Artifact {
  const title = 'docker.io_26.1.5_amd64.deb'
  const layer = {
    mediaType: MEDIA_TYPES.debianPackage,
    digest: desk.add(title),
    size: title.length,
    annotations: { [ANNOTATIONS.title]: title },
  }
  const config = { mediaType: MEDIA_TYPES.empty, ...desk.addJson({}) }
  const annotations = install === undefined ? {} : { [ANNOTATIONS.install]: install }
  const manifest = desk.addJson({ schemaVersion: 2, config, layers: [layer], annotations })
  return {
    kind: 'packages',
    name: 'debian-13',
    platform: { os: 'linux', architecture },
    unpackedBytes: 1000,
    descriptor: { mediaType: MEDIA_TYPES.manifest, ...manifest },
  }
}

function filesArtifact(desk: FakeDesk, name: string, files: Record<string, string>): Artifact {
  const layers = Object.entries(files).map(([path, text]) => ({
    mediaType: MEDIA_TYPES.blob,
    digest: desk.add(text),
    size: text.length,
    annotations: { [ANNOTATIONS.title]: path },
  }))
  const config = { mediaType: MEDIA_TYPES.empty, ...desk.addJson({}) }
  const manifest = desk.addJson({ schemaVersion: 2, config, layers })
  const descriptor = { mediaType: MEDIA_TYPES.manifest, ...manifest }
  return { kind: 'files', name, platform: undefined, unpackedBytes: 1, descriptor }
}

/** The deployment as it is shipped, in a bundle with images and packages of the test's own. */
export function shippedBundle(
  options: {
    architecture?: string
    install?: string | undefined
    files?: Record<string, string>
    testFiles?: Record<string, string>
  } = {},
) {
  const { architecture = 'amd64', files = {} } = options
  const install = 'install' in options ? options.install : 'docker.io docker-compose'
  const desk = new FakeDesk()
  const artifacts = IMAGES.map((name) =>
    imageArtifact(name, addImage(desk, ['base', name]), { os: 'linux', architecture }),
  )
  artifacts.push(packagesArtifact(desk, architecture, install))
  if (options.testFiles) artifacts.push(filesArtifact(desk, 'test-files', options.testFiles))
  const manifest = bundleOf(artifacts)
  const bundle: NodeBundle = {
    manifest,
    blobs: {
      sizeOf: async () => undefined,
      read: () => {
        throw new Error('not asked for')
      },
    },
    readBlob: async (digest: Digest) => {
      const bytes = digest === manifest.digest ? Buffer.from(JSON.stringify(manifest)) : desk.blobs.get(digest)
      if (!bytes) throw new Error(`no blob ${digest}`)
      return bytes
    },
    readFile: async (artifact, path) => {
      if (artifact !== 'core-test-harness') throw new Error(`no artifact ${artifact}`)
      return Buffer.from(files[path] ?? readFileSync(join(SHIPPED, path), 'utf8'))
    },
  }
  return { bundle, desk }
}

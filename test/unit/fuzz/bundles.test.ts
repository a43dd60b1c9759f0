import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadDeployment } from '../../../agent/deployments/core-test-harness/load.ts'
import { NO_LAYERS } from '../../../agent/runtimes/held-layers.ts'
import { carriedImages } from '../../../agent/store/image-content.ts'
import { layerForms } from '../../../agent/store/layer-forms.ts'
import { openNodeBundle } from '../../../agent/store/node-bundle.ts'
import { Store } from '../../../agent/store/store.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { factsOf } from '../../../bundles/format/error.ts'
import { inspectBundle } from '../../../bundles/format/inspect.ts'
import { ANNOTATIONS, ARTIFACT_TYPES, type Digest, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { readImageSboms, readSbom } from '../../../bundles/format/read-sbom.ts'
import { verifyBundle } from '../../../bundles/format/verify.ts'
import { executableSource } from '../../../installer/delivery/executable.ts'
import { leftOutAtDesk } from '../../../installer/delivery/left-out.ts'
import { bundleBytes, bundleManifest, ForgedBlobs, listed } from './forged-bundle.ts'
import { FUZZ_LIMIT_MS, holds } from './holds.ts'
import { anyJson, deepJson, spoilt, spoiltBytes } from './made-up.ts'

const IMAGE = 'docker.io/library/redis:8.0'
const AMD64 = { os: 'linux', architecture: 'amd64' }

/** Parts that a bundle is made of; each of its documents may be another than a mojabox writes. */
interface Parts {
  image: unknown
  index: unknown
  files: unknown
  executable: unknown
  sbom: unknown
  document: unknown
  packages: unknown
}

const goodParts = new ForgedBlobs()
const LAYER = goodParts.put('a layer', `application/vnd.oci.image.layer.v1.tar+zstd`)
const FILE = { ...goodParts.put('profiles: {}'), annotations: { [ANNOTATIONS.title]: 'deployment.yaml' } }
const PLAIN = {
  [ANNOTATIONS.uncompressedDigest]: digestOf('plain'),
  [ANNOTATIONS.uncompressedBytes]: '5',
}
const CONFIG = goodParts.put({ rootfs: { type: 'layers', diff_ids: [digestOf('plain')] } })
const manifestOver = (layers: object[]) => ({
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.manifest,
  config: CONFIG,
  layers,
})
const BOM = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  serialNumber: 'urn:uuid:0',
  version: 1,
  metadata: { tools: { components: [] }, component: { type: 'application', name: 'x' } },
  components: [{ type: 'container', name: IMAGE, 'bom-ref': 'x', components: [{ type: 'library', name: 'left-pad' }] }],
}
const GOOD: Parts = {
  image: manifestOver([{ ...LAYER, annotations: PLAIN }]),
  index: { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: ['IMAGE'] },
  files: manifestOver([FILE]),
  executable: manifestOver([{ ...LAYER, annotations: PLAIN }]),
  sbom: manifestOver(['DOCUMENT' as unknown as object]),
  document: BOM,
  packages: manifestOver([{ ...LAYER, annotations: { [ANNOTATIONS.title]: 'docker.io_1_amd64.deb' } }]),
}

/** A bundle of such parts; what stands for another part is what that came to. */
function forged(parts: Parts): { manifest: Record<string, unknown>; blobs: ForgedBlobs } {
  const blobs = new ForgedBlobs()
  for (const bytes of goodParts.blobs.values()) blobs.put(bytes)
  const put = (value: unknown, mediaType: string = MEDIA_TYPES.manifest) =>
    blobs.put(JSON.stringify(value) ?? '', mediaType)
  const filled = (value: unknown, name: string, by: object): unknown =>
    JSON.parse((JSON.stringify(value) ?? 'null').replaceAll(`"${name}"`, JSON.stringify(by)))
  const image = put(parts.image)
  const index = put(filled(parts.index, 'IMAGE', { ...image, platform: AMD64 }), MEDIA_TYPES.index)
  const document = put(parts.document, 'application/vnd.cyclonedx+json')
  const sbom = put({ schemaVersion: 2, manifests: [put(filled(parts.sbom, 'DOCUMENT', document))] }, MEDIA_TYPES.index)
  const manifest = bundleManifest([
    listed('image', IMAGE, index),
    listed('files', 'core-test-harness', put(parts.files), { artifactType: ARTIFACT_TYPES.files }),
    listed('executable', 'mojabox', put(parts.executable), { platform: AMD64 }),
    listed('packages', 'debian-13', put(parts.packages), { platform: AMD64 }),
    listed('files', 'sbom', sbom, { artifactType: ARTIFACT_TYPES.sbom }),
  ])
  return { manifest, blobs }
}

const anyParts: fc.Arbitrary<Parts> = fc.oneof(
  ...(Object.keys(GOOD) as (keyof Parts)[]).map((part) =>
    fc.oneof(spoilt(GOOD[part]), anyJson).map((value) => ({ ...GOOD, [part]: value })),
  ),
)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mojabox-fuzz-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** What a desk does with a bundle before and while it sends it, each thing by itself; the failures. */
async function readAtDesk(bytes: Buffer) {
  const path = join(folder, 'bundle.tar')
  await writeFile(path, bytes)
  const bundle = await openBundle(path).catch(factsOf)
  if (!('extents' in bundle)) return [bundle]
  try {
    const readings = [
      () => verifyBundle(bundle),
      () => inspectBundle(bundle),
      () => readSbom(bundle),
      () => readImageSboms(bundle, IMAGE),
      () => leftOutAtDesk(bundle),
      () => executableSource(bundle, undefined).for('amd64'),
    ]
    const failures = []
    for (const read of readings) {
      const failure = await read().then(() => undefined, factsOf)
      if (failure) failures.push(failure)
    }
    return failures
  } finally {
    await bundle.close()
  }
}

/** What a node does with a bundle before it changes anything. */
async function readAtNode(blobs: ReadonlyMap<Digest, Buffer>, digest: Digest) {
  const fetch = async (wanted: Digest, _: unknown, take: (bytes: Buffer) => Promise<void>) => {
    const bytes = blobs.get(wanted)
    if (!bytes)
      throw Object.assign(new Error('missing'), { facts: { code: 'blob-missing', kind: 'bundle', message: '' } })
    await take(bytes)
  }
  const store = new Store(join(folder, 'store'))
  const bundle = await openNodeBundle(store, fetch, digest, new AbortController().signal).catch(factsOf)
  if (!('manifest' in bundle)) return [bundle]
  const host = { profile: 'central-ledger', distribution: 'debian-13', architecture: 'amd64' }
  const readings = [
    () => loadDeployment(bundle, host),
    () => carriedImages({ bundle }, [IMAGE], 'amd64'),
    async () => layerForms(bundle, await carriedImages({ bundle }, [IMAGE], 'amd64'), OLD_DOCKER),
  ]
  const failures = []
  for (const read of readings) {
    const failure = await read().then(() => undefined, factsOf)
    if (failure) failures.push(failure)
  }
  return failures
}

/** One that reads no zstd, and has nothing yet. */
const OLD_DOCKER = { docker: null, held: NO_LAYERS, readsZstd: false, wantsWhole: () => false }

/** Of the bundle, or of who named something in it that there is not: never a fault of mojabox's own. */
const TOLD = ['bundle', 'usage', 'check', 'step']

describe('whatever a bundle is', () => {
  const { manifest, blobs } = forged(GOOD)
  const good = bundleBytes(manifest, blobs.blobs)

  it('a good one of this kind is whole at the desk', async () => {
    const failures = await readAtDesk(good)
    expect(failures.filter(({ code }) => code !== 'blob-unreachable')).toEqual([])
  })

  it(
    'spoilt bytes are refused as a bundle, at the desk',
    async () => {
      await holds(spoiltBytes(good), 400, async (bytes) => {
        const failures = await readAtDesk(bytes)
        if (!bytes.equals(good)) expect(failures).not.toEqual([])
        for (const failure of failures) expect(TOLD, failure.message).toContain(failure.kind)
      })
    },
    FUZZ_LIMIT_MS,
  )

  it(
    'documents with right digests and wrong content are told as faults of the bundle, at desk and node',
    async () => {
      await holds(anyParts, 300, async (parts) => {
        const { manifest, blobs } = forged(parts)
        const bytes = bundleBytes(manifest, blobs.blobs)
        for (const failure of await readAtDesk(bytes)) expect(TOLD, failure.message).toContain(failure.kind)
        const digest = blobs.put(JSON.stringify(manifest)).digest
        for (const failure of await readAtNode(blobs.blobs, digest))
          expect(TOLD, failure.message).toContain(failure.kind)
      })
    },
    FUZZ_LIMIT_MS,
  )

  it(
    'so is a bundle manifest with right digests and wrong content',
    async () => {
      const any = fc.oneof(spoilt(manifest), anyJson, fc.constant(deepJson(20_000)))
      await holds(any, 300, async (spoiltManifest) => {
        const bytes = bundleBytes(spoiltManifest, blobs.blobs)
        for (const failure of await readAtDesk(bytes)) expect(TOLD, failure.message).toContain(failure.kind)
        const all = new ForgedBlobs()
        for (const each of blobs.blobs.values()) all.put(each)
        const { digest } = all.put(JSON.stringify(spoiltManifest) ?? '')
        for (const failure of await readAtNode(all.blobs, digest)) expect(TOLD, failure.message).toContain(failure.kind)
      })
    },
    FUZZ_LIMIT_MS,
  )
})

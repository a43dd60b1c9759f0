import { writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import type { Store } from '../../../agent/store/store.ts'
import { storeContent } from '../../../agent/store/store-content.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { ANNOTATIONS, ARTIFACT_TYPES, type Descriptor, type Digest } from '../../../bundles/format/manifest.ts'
import { FakeDesk } from './fake-desk.ts'
import { addImage, addIndex } from './image.ts'
import { temporaryStore } from './temporary-store.ts'

const named = (name: string, descriptor: Descriptor) => ({
  ...descriptor,
  annotations: {
    [ANNOTATIONS.kind]: 'image',
    [ANNOTATIONS.name]: name,
    [ANNOTATIONS.unpackedBytes]: '1',
  },
})

/** A store that keeps a bundle's manifests, as an install leaves it. */
async function keptBundle() {
  const desk = new FakeDesk()
  const plain = addImage(desk, ['base', 'redis'])
  const inner = addImage(desk, ['base', 'x64'])
  const index = addIndex(desk, { amd64: inner })
  const absent = { ...plain, digest: digestOf('not kept') }
  const { digest } = desk.addJson({
    schemaVersion: 2,
    artifactType: ARTIFACT_TYPES.bundle,
    annotations: {
      [ANNOTATIONS.deployment]: 'core-test-harness',
      [ANNOTATIONS.version]: '1',
      [ANNOTATIONS.profiles]: '',
    },
    manifests: [
      named('docker.io/a/plain:1', plain),
      named('docker.io/a/many:1', index),
      named('docker.io/a/no:1', absent),
    ],
  })
  const store = await temporaryStore()
  const layers = new Set<Digest>([digestOf('base'), digestOf('redis'), digestOf('x64')])
  for (const [blob, bytes] of desk.blobs) if (!layers.has(blob)) await writeFile(store.blobPath(blob), bytes)
  return { store, bundle: digest, plain, index, inner }
}

describe('storeContent', () => {
  it('gives the manifests that the store keeps, by name and by digest', async () => {
    const { store, bundle, plain, index } = await keptBundle()
    const content = storeContent(store, bundle)
    expect((await content.manifest('docker.io/a/plain:1'))?.descriptor.digest).toBe(plain.digest)
    expect((await content.manifest(plain.digest))?.descriptor.mediaType).toBe(plain.mediaType)
    expect((await content.manifest('docker.io/a/many:1'))?.descriptor.digest).toBe(index.digest)
  })

  it('gives a platform’s manifest inside an index', async () => {
    const { store, bundle, inner } = await keptBundle()
    const found = await storeContent(store, bundle).manifest(inner.digest)
    expect(digestOf(found?.bytes ?? '')).toBe(inner.digest)
    expect(found?.descriptor.mediaType).toBe(inner.mediaType)
  })

  it.each(['docker.io/a/no:1', 'docker.io/a/unknown:1', digestOf('unknown')])('lacks %s', async (reference) => {
    const { store, bundle } = await keptBundle()
    expect(await storeContent(store, bundle).manifest(reference)).toBeUndefined()
  })

  it('gives the blobs that the store keeps, and lacks a layer that the runtime took', async () => {
    const { store, bundle, plain } = await keptBundle()
    const content = storeContent(store, bundle)
    const blob = await content.blob(plain.digest)
    expect(blob?.sizeBytes).toBe(plain.size)
    const pieces: Buffer[] = []
    for await (const piece of blob?.read(2) ?? []) pieces.push(piece)
    expect(Buffer.concat(pieces)).toHaveLength(plain.size - 2)
    expect(await content.blob(digestOf('base'))).toBeUndefined()
  })

  it('fails where the store has lost the bundle’s manifest', async () => {
    const store: Store = await temporaryStore()
    await expect(storeContent(store, digestOf('gone')).manifest('docker.io/a/plain:1')).rejects.toMatchObject({
      facts: { code: 'blob-missing' },
    })
  })
})

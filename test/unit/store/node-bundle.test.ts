import { readdir, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { openNodeBundle } from '../../../agent/store/node-bundle.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { ANNOTATIONS, ARTIFACT_TYPES, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import { FakeDesk } from './fake-desk.ts'
import { temporaryStore } from './temporary-store.ts'

const signal = new AbortController().signal

async function setUp() {
  const desk = new FakeDesk()
  const text = 'services: {}\n'
  const layer = {
    mediaType: MEDIA_TYPES.blob,
    digest: desk.add(text),
    size: text.length,
    annotations: { [ANNOTATIONS.title]: 'config/compose.yaml' },
  }
  const config = { mediaType: MEDIA_TYPES.empty, ...desk.addJson({}) }
  const files = desk.addJson({ schemaVersion: 2, config, layers: [layer] })
  const { digest, size } = desk.addJson({
    schemaVersion: 2,
    artifactType: ARTIFACT_TYPES.bundle,
    annotations: { [ANNOTATIONS.deployment]: 'd', [ANNOTATIONS.version]: '1', [ANNOTATIONS.profiles]: 'p,q' },
    manifests: [
      {
        mediaType: MEDIA_TYPES.manifest,
        ...files,
        annotations: { [ANNOTATIONS.kind]: 'files', [ANNOTATIONS.name]: 'set', [ANNOTATIONS.unpackedBytes]: '1' },
      },
    ],
  })
  return { desk, digest, size, store: await temporaryStore(), text, textDigest: layer.digest }
}

describe('openNodeBundle', () => {
  it('reads the manifest over the link, and writes nothing', async () => {
    const { store, desk, digest } = await setUp()
    const { manifest } = await openNodeBundle(store, desk.fetch, digest, signal)
    expect(manifest).toMatchObject({ digest, deployment: 'd', version: '1', profiles: ['p', 'q'] })
    expect(await store.list()).toEqual([])
  })

  it('asks for each blob once', async () => {
    const { store, desk, digest, text } = await setUp()
    const bundle = await openNodeBundle(store, desk.fetch, digest, signal)
    const read = await Promise.all([1, 2, 3].map(() => bundle.readFile('set', 'config/compose.yaml')))
    expect(read.map(String)).toEqual([text, text, text])
    expect(desk.asked.map((asked) => asked.digest)).toHaveLength(new Set(desk.asked.map((asked) => asked.digest)).size)
  })

  it('needs no desk for what the store has', async () => {
    const { store, desk, digest } = await setUp()
    for (const [blob, bytes] of desk.blobs) await writeFile(store.blobPath(blob), bytes)
    const bundle = await openNodeBundle(store, desk.fetch, digest, signal)
    await bundle.readFile('set', 'config/compose.yaml')
    expect(desk.asked).toEqual([])
  })

  it.each(['', 'damaged!'])('puts the right one in the place of a blob damaged in the store (%j)', async (content) => {
    const { store, desk, digest } = await setUp()
    await writeFile(store.blobPath(digest), content)
    const { manifest } = await openNodeBundle(store, desk.fetch, digest, signal)
    expect(manifest.digest).toBe(digest)
    expect(await store.isWhole(digest)).toBe(true)
    expect(await readdir(store.ingestFolder)).toEqual([])
  })

  it('refuses bytes with another digest, wherever they came from', async () => {
    const { store, desk, digest } = await setUp()
    desk.blobs.set(digest, Buffer.from('{"another":"manifest"}'))
    await expect(openNodeBundle(store, desk.fetch, digest, signal)).rejects.toMatchObject({
      facts: { code: 'blob-corrupt', kind: 'bundle' },
    })
  })

  it('reads nothing whole that is larger than it should be', async () => {
    const { store, desk, digest } = await setUp()
    const bundle = await openNodeBundle(store, desk.fetch, digest, signal)
    desk.pieceBytes = 1024 * 1024
    const large = desk.add(Buffer.alloc(17 * 1024 * 1024))
    await expect(bundle.readBlob(large)).rejects.toMatchObject({ facts: { code: 'blob-too-large' } })
  })

  it('tries again what failed once', async () => {
    const { store, desk, digest, textDigest, text } = await setUp()
    const bundle = await openNodeBundle(store, desk.fetch, digest, signal)
    desk.failure = new Error('link lost')
    await expect(bundle.readBlob(textDigest)).rejects.toThrow('link lost')
    desk.failure = undefined
    expect(String(await bundle.readBlob(textDigest))).toBe(text)
  })

  it.each([
    ['set', 'compose.yaml'],
    ['set', '../config/compose.yaml'],
    ['other', 'config/compose.yaml'],
  ])('lacks %s/%s', async (artifact, path) => {
    const { store, desk, digest } = await setUp()
    const bundle = await openNodeBundle(store, desk.fetch, digest, signal)
    await expect(bundle.readFile(artifact, path)).rejects.toMatchObject({
      facts: { code: 'file-not-in-bundle', kind: 'bundle', message: expect.stringContaining(path) },
    })
  })

  it('refuses what is no bundle manifest', async () => {
    const { store, desk } = await setUp()
    const other = desk.add('{"schemaVersion":2}')
    await expect(openNodeBundle(store, desk.fetch, other, signal)).rejects.toMatchObject({
      facts: { code: 'bundle-corrupt' },
    })
    expect(digestOf('{"schemaVersion":2}')).toBe(other)
  })
})

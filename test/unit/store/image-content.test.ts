import { randomBytes } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { NodeBundle, StepContext } from '../../../agent/contract/step.ts'
import { findDockerLayer } from '../../../agent/runtimes/docker-layer.ts'
import { NO_LAYERS } from '../../../agent/runtimes/held-layers.ts'
import { Arrivals } from '../../../agent/store/arrivals.ts'
import { type CarriedImage, carriedImages, imageContent } from '../../../agent/store/image-content.ts'
import { type LayerForms, layerForms } from '../../../agent/store/layer-forms.ts'
import { openCache } from '../../../bundles/build/cache.ts'
import { makePatch } from '../../../bundles/build/patches/make-patch.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { ANNOTATIONS, type Artifact, type Digest, MEDIA_TYPES, OciManifest } from '../../../bundles/format/manifest.ts'
import { layerFile } from '../bundles/layer-files.ts'
import { layerTar } from '../bundles/layer-tar.ts'
import { dockerFolder } from '../runtimes/docker-folder.ts'
import { orderOf } from '../service/orders.ts'
import { FakeDesk, gate } from './fake-desk.ts'
import { addImage, addIndex, bundleOf, imageArtifact } from './image.ts'
import { temporaryStore } from './temporary-store.ts'

function bundleFrom(desk: FakeDesk, artifacts: Artifact[]): NodeBundle {
  const readBlob = async (digest: Digest) => {
    const bytes = desk.blobs.get(digest)
    if (!bytes) throw new Error(`no blob ${digest}`)
    return bytes
  }
  return { manifest: bundleOf(artifacts), readBlob } as NodeBundle
}

describe('carriedImages', () => {
  const desk = new FakeDesk()
  const plain = addImage(desk, ['base', 'redis'])
  const index = addIndex(desk, { amd64: addImage(desk, ['base', 'x64']), arm64: addImage(desk, ['base', 'arm']) })
  const bundle = bundleFrom(desk, [
    imageArtifact('docker.io/library/redis:8.0', plain),
    imageArtifact('docker.io/library/many:1', index, undefined),
    { ...imageArtifact('docker.io/library/redis:8.0', plain), kind: 'files' },
  ])

  it('finds an image by its full name: its manifest, configuration and layers', async () => {
    const [image] = await carriedImages({ bundle }, ['docker.io/library/redis:8.0'], 'amd64')
    expect(image?.manifests).toEqual([plain])
    expect(image?.blobs.slice(1).map(({ digest }) => digest)).toEqual([digestOf('base'), digestOf('redis')])
  })

  it('knows every ID that a runtime may show for it', async () => {
    const [image] = await carriedImages({ bundle }, ['docker.io/library/many:1'], 'arm64')
    expect(image?.ids).toHaveLength(3)
    expect(image?.ids).toEqual([image?.blobs[0]?.digest, ...(image?.manifests ?? []).map(({ digest }) => digest)])
  })

  it('takes the host’s architecture out of an index', async () => {
    const [image] = await carriedImages({ bundle }, ['docker.io/library/many:1'], 'arm64')
    expect(image?.manifests[0]).toEqual(index)
    expect(image?.blobs.at(-1)?.digest).toBe(digestOf('arm'))
  })

  it.each([
    ['an image that is not carried', 'docker.io/library/mysql:8.0', 'amd64', 'image-not-in-bundle'],
    ['an image carried for another architecture', 'docker.io/library/redis:8.0', 'arm64', 'platform-not-in-bundle'],
    ['an architecture that an index lacks', 'docker.io/library/many:1', 's390x', 'platform-not-in-bundle'],
  ])('refuses %s, naming it', async (_what, name, architecture, code) => {
    const error = await carriedImages({ bundle }, [name], architecture).catch((thrown) => thrown)
    expect(error.facts).toMatchObject({ code, kind: 'bundle' })
    expect(error.message).toContain(name)
    expect(error.facts.next).toContain('bundle inspect')
  })

  it('refuses where there is no bundle', async () => {
    await expect(carriedImages({ bundle: undefined }, ['x'], 'amd64')).rejects.toMatchObject({
      facts: { code: 'image-not-in-bundle' },
    })
  })
})

async function contentOf(settings: { keepBlobs?: boolean } = {}) {
  const desk = new FakeDesk()
  const store = await temporaryStore()
  const one = imageArtifact('docker.io/a/one:1', addImage(desk, ['base', 'one']))
  const two = imageArtifact('docker.io/a/two:1', addImage(desk, ['base', 'two'], MEDIA_TYPES.dockerManifest))
  const bundle = bundleFrom(desk, [one, two])
  const order = orderOf()
  const context = {
    order: { ...order, settings: { ...order.settings, ...settings } },
    bundle,
    store,
    arrivals: new Arrivals(store, desk.fetch, new AbortController().signal),
  } as StepContext
  const images = await carriedImages(context, ['docker.io/a/one:1', 'docker.io/a/two:1'], 'amd64')
  return { desk, store, context, images, content: imageContent(context, images) }
}

/** An image with one layer, compressed with zstd as `bundle build` does it; or with something else in its place. */
async function contentOfZstd(tar: Buffer, packed: Buffer = zstdCompressSync(tar)) {
  const desk = new FakeDesk()
  const store = await temporaryStore()
  const layer = {
    mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd',
    digest: desk.add(packed),
    size: packed.length,
    annotations: {
      [ANNOTATIONS.uncompressedDigest]: digestOf(tar),
      [ANNOTATIONS.uncompressedBytes]: String(tar.length),
    },
  }
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', ...desk.addJson({}) }
  const manifest = desk.addJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers: [layer] })
  const artifact = imageArtifact('docker.io/a/packed:1', { mediaType: MEDIA_TYPES.manifest, ...manifest })
  const context = {
    order: orderOf(),
    bundle: bundleFrom(desk, [artifact]),
    store,
    arrivals: new Arrivals(store, desk.fetch, new AbortController().signal),
  } as StepContext
  const images = await carriedImages(context, ['docker.io/a/packed:1'], 'amd64')
  return { desk, context, images, content: imageContent(context, images) }
}

/** For a Docker that reads no zstd, and has nothing yet. */
function formsForOld({ bundle }: StepContext, images: CarriedImage[]): Promise<LayerForms> {
  const about = { docker: null, held: NO_LAYERS, readsZstd: false, wantsWhole: () => false }
  return layerForms(bundle as NodeBundle, images, about)
}

type Content = Awaited<ReturnType<typeof contentOf>>['content']

async function served(content: Content, digest: Digest, offset = 0): Promise<string> {
  const blob = await content.blob(digest)
  const pieces: Buffer[] = []
  for await (const piece of blob?.read(offset) ?? []) pieces.push(piece)
  blob?.done?.(true)
  return Buffer.concat(pieces).toString()
}

describe('imageContent', () => {
  it('offers the manifests of these images by name and by digest, and no others', async () => {
    const { content, images } = await contentOf()
    for (const image of images) {
      for (const reference of [image.name, image.manifests[0]?.digest ?? '']) {
        const found = await content.manifest(reference)
        expect(found?.descriptor).toEqual(image.manifests[0])
        expect(digestOf(found?.bytes ?? '')).toBe(image.manifests[0]?.digest)
      }
    }
    expect(await content.manifest('docker.io/a/three:1')).toBeUndefined()
    expect(await content.manifest(digestOf('else'))).toBeUndefined()
  })

  it('hands a layer that is sent as zstd to a runtime that reads none as the tar it unpacks to', async () => {
    const tar = randomBytes(300_000)
    const { content, context, images, desk } = await contentOfZstd(tar)
    const old = imageContent(context, images, await formsForOld(context, images))
    const offered = await old.manifest('docker.io/a/packed:1')
    const manifest = OciManifest.parse(JSON.parse(String(offered?.bytes)))
    expect(digestOf(offered?.bytes ?? '')).toBe(offered?.descriptor.digest)
    expect(await old.manifest(offered?.descriptor.digest ?? '')).toEqual(offered)
    expect(manifest.config).toEqual(images[0]?.manifest.config)
    const [layer] = manifest.layers
    expect(layer).toEqual({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: digestOf(tar),
      size: tar.length,
    })
    expect(old.blobsToCome).toEqual(content.blobsToCome)
    for (const offset of [0, 1, 150_000, tar.length - 1]) {
      const blob = await old.blob(digestOf(tar))
      const pieces: Buffer[] = []
      for await (const piece of blob?.read(offset) ?? []) pieces.push(piece)
      expect(Buffer.concat(pieces).equals(tar.subarray(offset))).toBe(true)
    }
    expect(desk.asked.length).toBe(1)
    expect((await content.manifest('docker.io/a/packed:1'))?.descriptor).toEqual(images[0]?.manifests[0])
  })

  it('tells a reader of the tar when what is sent is damaged, rather than ending early', async () => {
    const { context, images } = await contentOfZstd(randomBytes(300_000), Buffer.from('not zstd at all'))
    const [layer] = images[0]?.manifest.layers ?? []
    const old = imageContent(context, images, await formsForOld(context, images))
    const blob = await old.blob(layer?.annotations?.[ANNOTATIONS.uncompressedDigest] as Digest)
    const read = async () => {
      for await (const _ of blob?.read(0) ?? []);
    }
    await expect(read()).rejects.toMatchObject({ facts: { code: 'bundle-corrupt', found: 'what is no zstd' } })
    expect(old.failed.reason).toMatchObject({ facts: { kind: 'bundle' } })
  })

  it.each([
    ['more', 100_000_000],
    ['less', 1_000],
  ])('hands not a byte more out of what unpacks to %s than it says, and ends the delivery', async (_what, bytes) => {
    const { context, images } = await contentOfZstd(randomBytes(300_000), zstdCompressSync(Buffer.alloc(bytes)))
    const [layer] = images[0]?.manifest.layers ?? []
    const old = imageContent(context, images, await formsForOld(context, images))
    const blob = await old.blob(layer?.annotations?.[ANNOTATIONS.uncompressedDigest] as Digest)
    let given = 0
    const read = async () => {
      for await (const piece of blob?.read(0) ?? []) given += piece.length
    }
    await expect(read()).rejects.toMatchObject({ facts: { code: 'bundle-corrupt', kind: 'bundle' } })
    expect(given).toBeLessThanOrEqual(300_000)
    expect(old.failed.reason).toMatchObject({ facts: { kind: 'bundle' } })
  })

  it('counts a layer that two images share once', async () => {
    const { content, images } = await contentOf()
    const all = new Map(images.flatMap(({ blobs }) => blobs.map(({ digest, size }) => [digest, size])))
    expect(content.blobsToCome).toEqual([...all].map(([digest, sizeBytes]) => ({ digest, sizeBytes })))
  })

  it('hands a blob on that comes from the desk, and lets go of it once the runtime has it', async () => {
    const { content, desk, store } = await contentOf()
    expect(await served(content, digestOf('base'))).toBe('base')
    await delay(10)
    expect(await readdir(join(store.root, 'ingest'))).toEqual([])
    expect(await store.list()).toEqual([])
    expect(desk.asked).toHaveLength(1)
  })

  it('keeps the bytes of a body that was cut: the runtime asks for the rest', async () => {
    const { content, desk } = await contentOf()
    const blob = await content.blob(digestOf('base'))
    for await (const _piece of blob?.read(0) ?? []) break
    blob?.done?.(false)
    expect(await served(content, digestOf('base'), 2)).toBe('se')
    expect(desk.asked).toHaveLength(1)
  })

  it('lets a blob asked for twice at once travel once, and drops it after the last reader', async () => {
    const { content, desk, store } = await contentOf()
    const slow = gate()
    desk.beforePiece = () => slow.passed
    const readers = [served(content, digestOf('base')), served(content, digestOf('base'))]
    await delay(10)
    slow.open()
    expect(await Promise.all(readers)).toEqual(['base', 'base'])
    expect(desk.asked).toHaveLength(1)
    await delay(10)
    expect(await readdir(join(store.root, 'ingest'))).toEqual([])
  })

  it('has the blobs of an image come before the runtime asks, which then travel no more', async () => {
    const { desk, context, images } = await contentOf()
    const content = imageContent(context, images, await formsForOld(context, images))
    for (const image of images) await content.bring(image)
    expect(desk.asked).toHaveLength(new Set(images.flatMap(({ blobs }) => blobs.map(({ digest }) => digest))).size)
    desk.asked.length = 0
    expect(await served(content, digestOf('base'))).toBe('base')
    expect(desk.asked).toEqual([])
  })

  it('brings nothing that the runtime has taken already', async () => {
    const { desk, context, images } = await contentOf()
    const content = imageContent(context, images, await formsForOld(context, images))
    expect(await served(content, digestOf('base'))).toBe('base')
    for (const image of images) await content.bring(image)
    expect(desk.asked.filter(({ digest }) => digest === digestOf('base'))).toHaveLength(1)
  })

  it('says why a blob cannot be brought', async () => {
    const { desk, context, images } = await contentOf()
    const content = imageContent(context, images, await formsForOld(context, images))
    desk.failure = new Error('the disk is full')
    for (const image of images) await content.bring(image)
    expect(content.failed.reason).toBe(desk.failure)
  })

  it('serves what the store has without the desk', async () => {
    const { content, desk, store } = await contentOf()
    await writeFile(store.blobPath(digestOf('base')), 'base')
    expect(await served(content, digestOf('base'))).toBe('base')
    expect(desk.asked).toEqual([])
    expect(await store.sizeOf(digestOf('base'))).toBe(4)
  })

  it('knows only the blobs of its images', async () => {
    const { content } = await contentOf()
    expect(await content.blob(digestOf('else'))).toBeUndefined()
  })

  it('keeps the blobs in the store where the site wants that', async () => {
    const { content, store } = await contentOf({ keepBlobs: true })
    await served(content, digestOf('base'))
    await served(content, digestOf('one'))
    await content.settle()
    expect((await store.list()).toSorted()).toEqual([digestOf('base'), digestOf('one')].toSorted())
  })

  it('ends the delivery with a blob that was damaged in the store since, which goes, and comes anew', async () => {
    const { content, context, images, store, desk } = await contentOf({ keepBlobs: true })
    await writeFile(store.blobPath(digestOf('base')), 'bass')
    await expect(served(content, digestOf('base'))).rejects.toMatchObject({ facts: { code: 'blob-corrupt' } })
    expect(content.failed.reason).toMatchObject({ facts: { kind: 'bundle' } })
    expect(await store.list()).toEqual([])
    expect(await served(imageContent(context, images), digestOf('base'))).toBe('base')
    expect(desk.asked).toHaveLength(1)
  })

  it('keeps nothing that was not taken whole', async () => {
    const { content, store } = await contentOf({ keepBlobs: true })
    ;(await content.blob(digestOf('base')))?.done?.(false)
    await content.settle()
    expect(await store.list()).toEqual([])
  })

  it('says why a blob cannot be had, where the runtime would only see a cut body', async () => {
    const { content, desk } = await contentOf()
    desk.failure = new Error('the disk is full')
    const blob = await content.blob(digestOf('base'))
    await expect(blob?.read(0)[Symbol.asyncIterator]().next()).rejects.toThrow('the disk is full')
    expect(content.failed.aborted).toBe(true)
    expect(content.failed.reason).toBe(desk.failure)
  })
})

/** An image of one layer, and a Docker that has the older one; the bundle has a patch of it. */
async function contentOfPatch({ absent = false, changed = false } = {}) {
  const desk = new FakeDesk()
  const store = await temporaryStore()
  const files = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`m${at}`, randomBytes(2000).toString('hex')]))
  const [older, newer] = [layerTar(files), layerTar({ ...files, m3: 'changed' })]
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...described(desk, gzipSync(newer)) }
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', ...desk.addJson({}) }
  const manifest = desk.addJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers: [layer] })
  const artifact = imageArtifact('docker.io/a/app:2', { mediaType: MEDIA_TYPES.manifest, ...manifest })
  const cache = await openCache(join(store.root, 'build'))
  const [from, to] = await Promise.all([layerFile(older), layerFile(newer)])
  const descriptor = await makePatch(from, to, cache, new AbortController().signal)
  desk.add(await buffer(cache.read(descriptor.digest)))
  const { docker, filesPath } = await dockerFolder(undefined, files, [from.diffId])
  if (changed) await writeFile(join(filesPath, 'm7'), randomBytes(2000).toString('hex'))
  const held = await findDockerLayer(docker, [from.diffId])
  if (!held) throw new Error('no older layer')
  const handedOut = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: to.diffId, size: to.sizeBytes }
  const patch = { descriptor, layer: layer.digest, from, to }
  const notes: string[] = []
  const context = {
    order: { ...orderOf(), ...(absent && { leftOut: { base: digestOf('base'), blobs: [layer.digest] } }) },
    bundle: bundleFrom(desk, [artifact]),
    store,
    arrivals: new Arrivals(store, desk.fetch, new AbortController().signal),
    note: (message) => void notes.push(message),
  } as StepContext
  const images = await carriedImages(context, ['docker.io/a/app:2'], 'amd64')
  const form = { sent: images[0]?.manifest.layers[0] ?? layer, handedOut, diffId: to.diffId, asked: true }
  const forms = new Map([['docker.io/a/app:2', [{ ...form, origin: { held, heldDiffId: from.diffId, patch } }]]])
  const content = imageContent(context, images, forms)
  return { desk, content, newer, layer, descriptor, notes, configBytes: config.size, digest: to.diffId }
}

function described(desk: FakeDesk, bytes: Buffer) {
  return { digest: desk.add(bytes), size: bytes.length }
}

async function tarOf(content: Content, digest: Digest, offset = 0): Promise<Buffer> {
  const blob = await content.blob(digest)
  const pieces: Buffer[] = []
  for await (const piece of blob?.read(offset) ?? []) pieces.push(piece)
  blob?.done?.(true)
  return Buffer.concat(pieces)
}

describe('a layer that is made of an older one', () => {
  it('travels as its patch, and can be asked for from any byte on', async () => {
    const { content, desk, newer, descriptor, digest, configBytes } = await contentOfPatch()
    expect(content.blobsToCome.map(({ sizeBytes }) => sizeBytes)).toEqual([configBytes, descriptor.size])
    for (const offset of [0, 1, 60_000, newer.length - 1])
      expect((await tarOf(content, digest, offset)).equals(newer.subarray(offset))).toBe(true)
    expect(new Set(desk.asked.map((asked) => asked.digest))).toEqual(new Set([descriptor.digest]))
    expect(content.made).toMatchObject({ layers: 1, patchBytes: descriptor.size })
  })

  it('comes whole with a note where the older one is not what it was, from the byte on that is asked for', async () => {
    const { content, newer, layer, descriptor, digest, notes, configBytes } = await contentOfPatch({ changed: true })
    await expect(tarOf(content, digest)).rejects.toMatchObject({ facts: { code: 'patch-unusable' } })
    expect(notes).toEqual([expect.stringContaining('comes whole')])
    expect((await tarOf(content, digest, 1000)).equals(newer.subarray(1000))).toBe(true)
    const toCome = content.blobsToCome.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    expect(toCome).toBe(configBytes + descriptor.size + layer.size)
    expect(content.made.layers).toBe(0)
    expect(content.failed.aborted).toBe(false)
  })

  it('ends the delivery with the reason where it cannot come whole either', async () => {
    const { content, digest } = await contentOfPatch({ changed: true, absent: true })
    await expect(tarOf(content, digest)).rejects.toThrow()
    expect(content.failed.reason).toMatchObject({ facts: { code: 'patch-unusable', next: expect.any(String) } })
  })
})

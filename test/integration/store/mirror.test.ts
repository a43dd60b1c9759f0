import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { NodeBundle, StepContext } from '../../../agent/contract/step.ts'
import { pullImage, removeImage, splitReference } from '../../../agent/runtimes/docker.ts'
import { DeskLink } from '../../../agent/service/desk-link.ts'
import type { MirrorBlob } from '../../../agent/store/answer-blob.ts'
import { Arrivals } from '../../../agent/store/arrivals.ts'
import { carriedImages, imageContent } from '../../../agent/store/image-content.ts'
import { type MirrorContent, serveMirror } from '../../../agent/store/mirror.ts'
import { Store } from '../../../agent/store/store.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { orderOf } from '../../unit/service/orders.ts'
import { forget, imageId } from './docker.ts'
import { PIECE_BYTES, SlowDesk } from './slow-desk.ts'
import { TinyImages } from './tiny-image.ts'

const signal = new AbortController().signal
/** What a desk can be handing over at one moment: a piece of each blob, two images of three blobs. */
const IN_FLIGHT_BYTES = 6 * PIECE_BYTES

/** Tiny images, a store, a link to a slow desk, and a mirror between that link and this machine's Docker. */
async function setUp(...names: string[]) {
  const images = new TinyImages()
  const full = names.map((name) => images.add(name))
  const folder = await mkdtemp(join(tmpdir(), 'mojabox-mirror-'))
  const store = new Store(join(folder, 'store'))
  await store.prepare()
  const link = new DeskLink()
  const desk = new SlowDesk(images.blobs, link)
  desk.connect()
  const bundle = { manifest: images.manifest, readBlob: async (digest: Digest) => images.read(digest) } as NodeBundle
  const arrivals = new Arrivals(store, link.fetch, signal)
  const context = { order: orderOf(), bundle, store, arrivals, signal } as StepContext
  const carried = await carriedImages(context, full, images.architecture)
  const content = new Watched(imageContent(context, carried))
  const mirror = await serveMirror(content)
  onTestFinished(async () => {
    await mirror.close()
    await forget(full)
    await rm(folder, { recursive: true, force: true })
  })
  const mirrored = (name: string) => {
    const { repository, tag } = splitReference(name)
    return { repository: `${mirror.address}/${repository}`, tag }
  }
  const pull = (name: string) => pullImage(mirrored(name).repository, mirrored(name).tag, signal)
  const idOf = (name: string) => imageId(`${mirrored(name).repository}:${mirrored(name).tag}`)
  return { images, full, store, desk, content, carried, pull, idOf, arrivals }
}

/** Notes what the daemon asks for. */
class Watched implements MirrorContent {
  readonly #inner: MirrorContent
  readonly bodies: { digest: Digest; offset: number }[] = []
  /** Cuts the body of a request after so many bytes; undefined: not this one. */
  cutAfter: (digest: Digest, offset: number) => number | undefined = () => undefined

  constructor(inner: MirrorContent) {
    this.#inner = inner
  }

  manifest(reference: string) {
    return this.#inner.manifest(reference)
  }

  async blob(digest: Digest): Promise<MirrorBlob | undefined> {
    const found = await this.#inner.blob(digest)
    return found && { ...found, read: (offset) => this.#read(found, digest, offset) }
  }

  async *#read(found: MirrorBlob, digest: Digest, offset: number): AsyncGenerator<Buffer> {
    this.bodies.push({ digest, offset })
    const limit = this.cutAfter(digest, offset)
    let given = 0
    for await (const piece of found.read(offset)) {
      yield piece
      given += piece.length
      if (limit !== undefined && given >= limit) throw new Error('cut by the test')
    }
  }
}

describe('a Docker daemon at the mirror', () => {
  it('does not notice that the desk was away in the middle: every body comes whole, each byte travels once', async () => {
    const { full, desk, content, carried, pull, idOf, images, store } = await setUp('one', 'two')
    const pulls = Promise.all(full.map(pull))
    // Where something else fails first, that is what is told.
    pulls.catch(() => {})
    while (desk.sentBytes < 2_000_000) await delay(10)
    desk.cut()
    const sentBefore = desk.sentBytes
    await delay(8_000)
    expect(desk.sentBytes).toBeLessThanOrEqual(sentBefore + IN_FLIGHT_BYTES)
    desk.connect()
    await pulls

    for (const [index, name] of full.entries()) expect(await idOf(name)).toBe(carried[index]?.ids[0])
    expect(content.bodies.filter(({ offset }) => offset > 0)).toEqual([])
    expect(desk.asked.some(({ offset }) => offset > 0)).toBe(true)
    // What was on the wire when it was cut goes twice; nothing else.
    expect(desk.sentBytes).toBeLessThan(images.totalBytes + IN_FLIGHT_BYTES)
    await delay(100)
    expect(await readdir(join(store.root, 'ingest'))).toEqual([])
  })

  it('gets what several images share once', async () => {
    const { full, desk, pull, images, carried } = await setUp('one', 'two', 'three')
    desk.bytesPerSecond = 50_000_000
    await Promise.all(full.map(pull))
    const shared = carried[0]?.blobs[1]?.digest
    expect(desk.asked.filter(({ digest }) => digest === shared)).toHaveLength(1)
    expect(desk.sentBytes).toBe(images.totalBytes)
  })

  it('asks for the rest when a body is cut, and the bytes that had arrived are not sent again', async () => {
    const { full, desk, content, carried, pull, idOf, images } = await setUp('one')
    const own = carried[0]?.blobs[2]?.digest
    let cuts = 0
    content.cutAfter = (digest) => (digest === own && cuts++ === 0 ? 1_000_000 : undefined)
    await pull(full[0] ?? '')
    expect(await idOf(full[0] ?? '')).toBe(carried[0]?.ids[0])
    const asked = content.bodies.filter(({ digest }) => digest === own)
    expect(asked).toHaveLength(2)
    expect(asked[1]?.offset).toBeGreaterThan(0)
    expect(desk.sentBytes).toBe(images.totalBytes)
  })

  it('sends nothing for an image that the daemon has', async () => {
    const { full, desk, pull } = await setUp('one')
    desk.bytesPerSecond = 50_000_000
    await pull(full[0] ?? '')
    const { sentBytes } = desk
    await pull(full[0] ?? '')
    expect(desk.sentBytes).toBe(sentBytes)
  })

  it('sends only what is new of an image of which it has the rest', async () => {
    const { full, desk, pull, carried, arrivals } = await setUp('one', 'two')
    desk.bytesPerSecond = 50_000_000
    await pull(full[0] ?? '')
    const before = arrivals.fetchedBytes
    await pull(full[1] ?? '')
    const [config, , own] = carried[1]?.blobs ?? []
    expect(arrivals.fetchedBytes - before).toBe((config?.size ?? 0) + (own?.size ?? 0))
  })

  it('refuses an image that is not in the bundle', async () => {
    const { pull } = await setUp('one')
    await expect(pull('docker.io/library/elsewhere:1')).rejects.toMatchObject({ facts: { code: 'docker-failed' } })
    await expect(removeImage('docker.io/library/elsewhere:1')).rejects.toThrow()
  })
})

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Json, NodeBundle, StepContext } from '../../../agent/contract/step.ts'
import { images } from '../../../agent/engine/steps/images.ts'
import { collectDocker } from '../../../agent/facts/docker.ts'
import { createRunCommand } from '../../../agent/runtimes/command.ts'
import { readsZstd } from '../../../agent/runtimes/docker.ts'
import { heldLayers } from '../../../agent/runtimes/held-layers.ts'
import { DeskLink } from '../../../agent/service/desk-link.ts'
import { refuseLacking } from '../../../agent/service/left-out.ts'
import { neededBlobs } from '../../../agent/service/needed-blobs.ts'
import { Arrivals } from '../../../agent/store/arrivals.ts'
import { Store } from '../../../agent/store/store.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { contextOf } from '../../unit/engine/step-context.ts'
import { orderOf } from '../../unit/service/orders.ts'
import { forget, hasImage, imageId, load, mirrorNames, tag } from '../store/docker.ts'
import { SlowDesk } from '../store/slow-desk.ts'
import { TinyImages } from '../store/tiny-image.ts'

/** A node with this machine's Docker, and a desk that has two tiny images. */
async function setUp(settings: { keepBlobs?: boolean } = {}) {
  const tiny = new TinyImages()
  const names = [tiny.add('one'), tiny.add('two')]
  const folder = await mkdtemp(join(tmpdir(), 'mojabox-images-'))
  const store = new Store(join(folder, 'store'))
  const link = new DeskLink()
  const desk = new SlowDesk(tiny.blobs, link)
  desk.bytesPerSecond = 20_000_000
  desk.connect()
  onTestFinished(async () => {
    await forget(names)
    await rm(folder, { recursive: true, force: true })
  })
  const order = orderOf()
  const contextWith = (changes: Partial<StepContext> = {}) => {
    const signal = changes.signal ?? new AbortController().signal
    return contextOf({
      order: { ...order, settings: { ...order.settings, ...settings } },
      bundle: { manifest: tiny.manifest, readBlob: async (digest: Digest) => tiny.read(digest) } as NodeBundle,
      store,
      arrivals: new Arrivals(store, link.fetch, signal),
      signal,
      ...changes,
    })
  }
  return { tiny, names, store, desk, contextWith, params: { names, architecture: tiny.architecture } }
}

describe('images', () => {
  it('are in Docker under their own names, and nothing else is left: no mirror’s name, no blob', async () => {
    const { names, params, contextWith, store, tiny } = await setUp()
    const context = contextWith()
    expect(await images.isDone(context, params)).toBe(false)
    await images.apply(context, params)
    expect(await images.isDone(context, params)).toBe(true)
    expect(await mirrorNames(names)).toEqual([])
    expect(await readdir(store.root)).not.toContain('ingest')
    expect(await store.list()).toEqual([])
    const [done, total] = (context.progressed.at(-1) ?? []) as number[]
    expect(total).toBe(tiny.totalBytes)
    expect(done).toBe(total)
  })

  it('are not brought again where they are', async () => {
    const { params, contextWith, desk } = await setUp()
    await images.apply(contextWith(), params)
    const { sentBytes } = desk
    expect(await images.isDone(contextWith(), params)).toBe(true)
    await images.apply(contextWith(), params)
    expect(desk.sentBytes).toBe(sentBytes)
  })

  it('stay in the store too where the site wants that', async () => {
    const { params, contextWith, store, tiny } = await setUp({ keepBlobs: true })
    await images.apply(contextWith(), params)
    const kept = await store.list()
    expect(kept).toHaveLength(tiny.blobs.size - params.names.length)
  })

  it('go again, and what was there under their name comes back', async () => {
    const { names, params, contextWith } = await setUp()
    const other = await setUp()
    await images.apply(other.contextWith(), other.params)
    const theirs = await imageId(other.names[0] ?? '')
    await tag(other.names[0] ?? '', names[0] ?? '')

    const before = (await images.before?.(contextWith(), params)) as Json
    await images.apply(contextWith(), params)
    const ours = (await imageId(names[0] ?? '')) ?? ''
    expect(ours).not.toBe(theirs)
    await images.undo?.(contextWith(), params, JSON.parse(JSON.stringify(before)))
    expect(await imageId(names[0] ?? '')).toBe(theirs)
    expect(await imageId(names[1] ?? '')).toBeUndefined()
    expect(await imageId(other.names[0] ?? '')).toBe(theirs)
    expect(await hasImage(ours)).toBe(false)
  })

  it('stay where they were there before', async () => {
    const { names, params, contextWith } = await setUp()
    await images.apply(contextWith(), params)
    const before = (await images.before?.(contextWith(), params)) as Json
    await images.undo?.(contextWith(), params, before)
    expect(await imageId(names[0] ?? '')).toBeDefined()
  })

  it('take a name away that a killed run left between a pull and its tag', async () => {
    const { names, params, contextWith } = await setUp()
    await images.apply(contextWith(), params)
    await tag(names[0] ?? '', `127.0.0.1:1/${names[0]}`)
    expect(await mirrorNames(names)).toHaveLength(1)
    const before: Json = Object.fromEntries(names.map((name) => [name, null]))
    await images.undo?.(contextWith(), params, before)
    expect(await mirrorNames(names)).toEqual([])
    expect(await imageId(names[0] ?? '')).toBeUndefined()
  })

  it('are whole where a person has loaded their layers from a saved tar', async () => {
    const { tiny, names, params, contextWith } = await setUp()
    await load(tiny.archive(names[0] ?? ''))
    await images.apply(contextWith(), params)
    expect(await images.isDone(contextWith(), params)).toBe(true)
    expect(await mirrorNames(names)).toEqual([])
  })

  it('say at once what the desk lacks, in place of Docker’s "unexpected EOF" a minute later', async () => {
    const { params, contextWith, tiny } = await setUp()
    const layer = [...tiny.blobs].find(([, bytes]) => bytes.length > 3_500_000)?.[0]
    if (layer) tiny.blobs.delete(layer)
    const startedAt = Date.now()
    await expect(images.apply(contextWith(), params)).rejects.toMatchObject({
      facts: { code: 'blob-missing', kind: 'bundle', message: expect.stringContaining(layer ?? '') },
    })
    expect(Date.now() - startedAt).toBeLessThan(15_000)
  })

  it('never become an image from damaged bytes', async () => {
    const { names, params, contextWith, tiny } = await setUp()
    for (const [digest, bytes] of tiny.blobs)
      if (bytes.length > 2_000_000) tiny.blobs.set(digest, Buffer.from(bytes).fill(0, 1000, 2000))
    await expect(images.apply(contextWith(), params)).rejects.toMatchObject({
      facts: { code: 'blob-corrupt', kind: 'bundle' },
    })
    for (const name of names) expect(await imageId(name)).toBeUndefined()
  })

  it('end at once when the run is stopped, and go on from there when it runs again', async () => {
    const { names, params, contextWith, desk, tiny } = await setUp()
    desk.bytesPerSecond = 2_000_000
    const stop = new AbortController()
    const applied = images.apply(contextWith({ signal: stop.signal }), params).catch((error) => error)
    while (desk.sentBytes < 2_000_000) await delay(10)
    const stoppedAt = Date.now()
    stop.abort(new Error('stopped'))
    expect(await applied).toBeInstanceOf(Error)
    expect(Date.now() - stoppedAt).toBeLessThan(5_000)
    desk.bytesPerSecond = 50_000_000
    await images.apply(contextWith(), params)
    expect(await images.isDone(contextWith(), params)).toBe(true)
    expect(desk.sentBytes).toBeLessThan(tiny.totalBytes + 2_000_000)
    expect(await mirrorNames(names)).toEqual([])
  })
})

describe('what of a delta is missing', () => {
  type SetUp = Awaited<ReturnType<typeof setUp>>

  /** What is told before anything is pulled, as the desk cannot hand out the layer that all images share. */
  async function refusal({ tiny, params, contextWith, store }: SetUp, names: string[]) {
    const { facts } = await collectDocker(createRunCommand())
    const { bundle } = contextWith()
    const wanted = { images: names, architecture: params.architecture, stored: [] }
    const had = { docker: facts, held: await heldLayers(facts), readsZstd: await readsZstd(), wantsWhole: () => false }
    const leftOut = { base: digestOf('base'), blobs: [tiny.base] }
    const needed = await neededBlobs(bundle as NodeBundle, { ...wanted, absent: new Set(leftOut.blobs) }, had)
    return refuseLacking(leftOut, bundle as NodeBundle, needed, store).then(
      () => undefined,
      (error) => error.facts,
    )
  }

  /** Whether Docker has the images without the desk's having that layer. */
  async function pulls({ tiny, params, contextWith }: SetUp, names: string[]): Promise<boolean> {
    const kept = tiny.read(tiny.base)
    tiny.blobs.delete(tiny.base)
    const applied = images.apply(contextWith(), { ...params, names }).then(
      () => images.isDone(contextWith(), { ...params, names }),
      () => false,
    )
    return applied.finally(() => tiny.blobs.set(tiny.base, kept))
  }

  it('is nothing where Docker pulled the layers with another image, and it does not ask for them', async () => {
    const node = await setUp()
    const [one = '', two = ''] = node.names
    await images.apply(node.contextWith(), { ...node.params, names: [one] })
    expect(await refusal(node, [one, two])).toBeUndefined()
    expect(await pulls(node, [one, two])).toBe(true)
  })

  it('is told where nothing of it is there', async () => {
    const node = await setUp()
    expect(await refusal(node, node.names)).toMatchObject({
      code: 'base-needed',
      found: expect.stringContaining('4.0 MB'),
    })
    expect(await pulls(node, node.names)).toBe(false)
  })

  // Docker's own store asks for them and is given what it has itself; containerd's has no content then.
  it('is nothing where the layers are there but were never pulled', async () => {
    const node = await setUp()
    const [one = '', two = ''] = node.names
    await load(node.tiny.archive(one))
    expect(await refusal(node, [two])).toBeUndefined()
    expect(await pulls(node, [two])).toBe(true)
  })

  it('is nothing for an image that is wholly there, under whatever name', async () => {
    const node = await setUp()
    const [one = ''] = node.names
    const other = `${one.replace(':1', '')}-other:1`
    await images.apply(node.contextWith(), { ...node.params, names: [one] })
    await tag(one, other)
    await forget([one])
    onTestFinished(() => forget([other]))
    expect(await refusal(node, [one])).toBeUndefined()
    expect(await pulls(node, [one])).toBe(true)
  })
})

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { NodeBundle, StepContext } from '../../../agent/contract/step.ts'
import type { WorkOrder } from '../../../agent/contract/work-order.ts'
import { images } from '../../../agent/engine/steps/images.ts'
import { collectDocker } from '../../../agent/facts/docker.ts'
import { createRunCommand } from '../../../agent/runtimes/command.ts'
import { diffIdsOf, readsZstd } from '../../../agent/runtimes/docker.ts'
import { findDockerLayer } from '../../../agent/runtimes/docker-layer.ts'
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
import { forget, imageId, mirrorNames } from '../store/docker.ts'
import { Releases } from '../store/releases.ts'
import { SlowDesk } from '../store/slow-desk.ts'

/** A node with this machine's Docker that has the first of two releases. */
async function setUp() {
  const releases = new Releases()
  const [one, two] = [await releases.release(), await releases.release()]
  const folder = await mkdtemp(join(tmpdir(), 'mojabox-patches-'))
  const store = new Store(join(folder, 'store'))
  const link = new DeskLink()
  const desk = new SlowDesk(releases.blobs, link)
  desk.bytesPerSecond = 50_000_000
  desk.connect()
  onTestFinished(async () => {
    await forget(releases.names)
    await rm(folder, { recursive: true, force: true })
  })
  const context = (order: Partial<WorkOrder> = {}, patches = true) => {
    const { signal } = new AbortController()
    return contextOf({
      order: { ...orderOf(), ...order },
      bundle: {
        manifest: releases.manifest({ patches }),
        readBlob: async (digest: Digest) => releases.read(digest),
      } as NodeBundle,
      store,
      arrivals: new Arrivals(store, link.fetch, signal),
      signal,
    })
  }
  const { architecture } = releases
  /** Brings one of them; what the desk was asked for. */
  const bring = async (name: string, given: StepContext = context()): Promise<Digest[]> => {
    desk.asked.length = 0
    await images.apply(given, { names: [name], architecture })
    expect(await images.isDone(given, { names: [name], architecture })).toBe(true)
    return desk.asked.map(({ digest }) => digest)
  }
  await bring(one)
  return { releases, one, two, store, desk, context, bring, architecture }
}

type Node = Awaited<ReturnType<typeof setUp>>

/** Configuration's digest: what an image's ID is in Docker's own store. */
function idOf({ releases, two }: Node): string {
  const artifact = releases.manifest().artifacts.find(({ name }) => name === two)
  const manifest = JSON.parse(releases.read(artifact?.descriptor.digest as Digest).toString())
  return manifest.config.digest
}

function blob({ releases }: Node, layer: string): Digest {
  return releases.layers.get(layer)?.digest as Digest
}

/** Where Docker keeps a file of the first release's modules. */
async function moduleOf({ one }: Node, file: string): Promise<string> {
  const { facts } = await collectDocker(createRunCommand())
  const stack = await diffIdsOf((await imageId(one)) ?? '')
  const layer = facts && (await findDockerLayer(facts, stack.slice(0, 2)))
  return join(layer?.filesPath ?? '', file)
}

async function refusal({ two, store, context, architecture }: Node, blobs: Digest[]) {
  const { facts } = await collectDocker(createRunCommand())
  const bundle = context().bundle as NodeBundle
  const wanted = { images: [two], architecture, stored: [], absent: new Set(blobs) }
  const had = { docker: facts, held: await heldLayers(facts), readsZstd: await readsZstd(), wantsWhole: () => false }
  const needed = await neededBlobs(bundle, wanted, had)
  return refuseLacking({ base: digestOf('base'), blobs }, bundle, needed, store).then(
    () => undefined,
    (error) => error.facts,
  )
}

describe('a release whose layers Docker has in an older version', () => {
  it('comes as a patch, and what lies on that layer not at all; it is the same image', async () => {
    const node = await setUp()
    const context = node.context()
    const asked = await node.bring(node.two, context)
    expect(asked.toSorted()).toEqual([idOf(node), node.releases.patch.digest].toSorted())
    expect(await imageId(node.two)).toBe(idOf(node))
    expect(await mirrorNames(node.releases.names)).toEqual([])
    expect(await readdir(node.store.root)).not.toContain('ingest')
    expect(context.notes.join()).toMatch(
      /Docker has \d layers? already: .* less to send.*2 layers were made of what Docker has/,
    )
    const sizes = asked.map((digest) => node.releases.read(digest).length)
    expect(context.progressed.at(-1)?.[0]).toBe(sizes.reduce((sum, size) => sum + size, 0))
  })

  it('is not asked for again by another bundle, though its layers came in another form', async () => {
    const node = await setUp()
    await node.bring(node.two)
    const three = await node.releases.release()
    const asked = await node.bring(three)
    expect(asked).toContain(node.releases.patch.digest)
    expect(asked).not.toContain(blob(node, 'top 2'))
    await forget([node.two])
    const again = await node.bring(node.two, node.context({}, false))
    expect(again).not.toContain(blob(node, 'base 1'))
  })

  it('comes whole where the bundle has no patch', async () => {
    const node = await setUp()
    expect(await node.bring(node.two, node.context({}, false))).toContain(blob(node, 'modules 1'))
    expect(await imageId(node.two)).toBe(idOf(node))
  })

  it('comes whole where the site keeps blobs', async () => {
    const node = await setUp()
    const { settings } = orderOf()
    const asked = await node.bring(node.two, node.context({ settings: { ...settings, keepBlobs: true } }))
    expect(asked).toContain(blob(node, 'modules 1'))
    expect(asked).not.toContain(node.releases.patch.digest)
  })

  it('comes whole, and says so, where a file of the older layer was changed in Docker’s folder', async () => {
    const node = await setUp()
    const path = await moduleOf(node, 'opt/app/node_modules/p7/index.js')
    const content = await readFile(path, 'utf8')
    await writeFile(
      path,
      content.replace(/^./, (first) => (first === '0' ? '1' : '0')),
    )
    const context = node.context()
    const asked = await node.bring(node.two, context)
    expect(asked).toContain(blob(node, 'modules 1'))
    expect(await imageId(node.two)).toBe(idOf(node))
    expect(context.notes.join()).toMatch(/comes whole: .*patch does not fit/)
  })

  it('comes whole where the older layer cannot be read any more', async () => {
    const node = await setUp()
    await rm(await moduleOf(node, 'opt/app/node_modules/p7/index.js'))
    expect(await node.bring(node.two)).toContain(blob(node, 'modules 1'))
    expect(await imageId(node.two)).toBe(idOf(node))
  })
})

describe('a delta with patches in the stead of layers', () => {
  const withoutModules = (node: Node) => {
    const absent = [blob(node, 'modules 1'), blob(node, 'top 1'), blob(node, 'base 1')]
    for (const digest of absent) node.releases.blobs.delete(digest)
    return absent
  }

  it('is taken by a host that has the older release', async () => {
    const node = await setUp()
    const absent = withoutModules(node)
    expect(await refusal(node, absent)).toBeUndefined()
    await node.bring(node.two, node.context({ leftOut: { base: digestOf('base'), blobs: absent } }))
    expect(await imageId(node.two)).toBe(idOf(node))
  })

  it('is refused by a host without it, and by one whose copy of it was changed', async () => {
    const node = await setUp()
    const absent = withoutModules(node)
    const path = await moduleOf(node, 'opt/app/node_modules/p7/index.js')
    await writeFile(path, '')
    expect(await refusal(node, absent)).toMatchObject({ code: 'older-needed' })
    await forget([node.one])
    expect(await refusal(node, absent)).toMatchObject({ code: 'older-needed' })
  })
})

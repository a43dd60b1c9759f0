import { writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { type HeldLayers, NO_LAYERS } from '../../../agent/runtimes/held-layers.ts'
import { refuseLacking } from '../../../agent/service/left-out.ts'
import { neededBlobs, type Wanted } from '../../../agent/service/needed-blobs.ts'
import type { Store } from '../../../agent/store/store.ts'
import { digestOf, hexOf } from '../../../bundles/format/digest.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { shippedBundle } from '../deployments/harness.ts'
import { diffIdOf } from '../store/image.ts'
import { temporaryStore } from '../store/temporary-store.ts'

const REDIS = 'docker.io/library/redis:8.0'
const MYSQL = 'docker.io/library/mysql:8.0'
const BASE = digestOf('the base')
const { bundle } = shippedBundle()

interface Situation {
  absent?: string[]
  wanted?: Partial<Wanted>
  docker?: Partial<HeldLayers>
  store?: Pick<Store, 'sizeOf'>
}

/** The refusal of redis and mysql, each of a layer `base` and one named as the image; undefined when there is none. */
async function refusal({ absent = ['base'], wanted = {}, docker = {}, store }: Situation) {
  const had = { docker: null, held: { ...NO_LAYERS, ...docker }, readsZstd: true, wantsWhole: () => false }
  const leftOut = { base: BASE, blobs: absent.map((name) => digestOf(name)) }
  const lacking = new Set(leftOut.blobs)
  const all: Wanted = { images: [REDIS, MYSQL], architecture: 'amd64', stored: [], absent: lacking, ...wanted }
  return refuseLacking(leftOut, bundle, await neededBlobs(bundle, all, had), store ?? (await temporaryStore())).then(
    () => undefined,
    (error) => error.facts,
  )
}

const withRedis: Partial<HeldLayers> = {
  stacks: [[diffIdOf('base'), diffIdOf(REDIS)]],
  pulled: new Set(['base', REDIS].map((name) => hexOf(digestOf(name)))),
}

describe('refuseLacking', () => {
  it('names the base, what is missing once, and what to do', async () => {
    expect(await refusal({})).toMatchObject({
      code: 'base-needed',
      kind: 'bundle',
      message: expect.stringContaining('1 blob (4 B)'),
      found: `missing: ${digestOf('base').slice(0, 19)}, 4 B of redis:8.0`,
      needed: expect.stringContaining(BASE),
      next: expect.stringMatching(/--base FILE.*whole bundle/),
    })
  })

  it('lets what is not left out come from the desk', async () => {
    expect(await refusal({ absent: ['something else'] })).toBeUndefined()
  })

  it('needs nothing that Docker has with another image', async () => {
    expect(await refusal({ docker: withRedis })).toBeUndefined()
    expect(await refusal({ docker: withRedis, absent: ['base', REDIS] })).toBeUndefined()
    expect(await refusal({ docker: withRedis, absent: ['base', MYSQL] })).toMatchObject({
      found: expect.stringContaining('mysql:8.0'),
    })
  })

  it('needs nothing of an image that is wholly there, by whichever of its IDs', async () => {
    const image = bundle.manifest.artifacts.find(({ name }) => name === REDIS)
    const manifest = image?.descriptor.digest ?? BASE
    const { config } = JSON.parse(String(await bundle.readBlob(manifest)))
    for (const id of [manifest, config.digest]) {
      const docker = { imageIds: new Set([id]) }
      expect(await refusal({ absent: ['base', REDIS], docker, wanted: { images: [REDIS] } })).toBeUndefined()
    }
  })

  it('needs nothing that the store has, whole', async () => {
    const store = await temporaryStore()
    await writeFile(store.blobPath(digestOf('base')), 'ba')
    expect(await refusal({ store })).toBeDefined()
    await writeFile(store.blobPath(digestOf('base')), 'base')
    expect(await refusal({ store })).toBeUndefined()
  })

  it('needs the packages that go into the store', async () => {
    const stored: { digest: Digest; sizeBytes: number }[] = [{ digest: digestOf('deb'), sizeBytes: 3 }]
    expect(await refusal({ absent: ['deb'], wanted: { images: [], stored } })).toMatchObject({
      found: expect.stringContaining('the packages'),
    })
  })

  it('lists the first ten and counts the rest', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `package ${at}`)
    const stored = names.map((name) => ({ digest: digestOf(name), sizeBytes: 1_000_000 }))
    const facts = await refusal({ absent: names, wanted: { images: [], stored } })
    expect(facts.message).toContain('12 blobs (12.0 MB)')
    expect(facts.found.split('; ')).toHaveLength(11)
    expect(facts.found).toMatch(/; and 2 more$/)
  })
})

import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Facts } from '../../../agent/contract/facts.ts'
import type { WorkOrder } from '../../../agent/contract/work-order.ts'
import { Journal } from '../../../agent/engine/journal.ts'
import { prepareInstall } from '../../../agent/service/prepare-install.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { IMAGES, shippedBundle } from '../deployments/harness.ts'
import { FakeCommands } from '../engine/step-context.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { healthyHost } from '../preflight/healthy-host.ts'
import { temporaryStore } from '../store/temporary-store.ts'
import { orderOf } from './orders.ts'

const host = vi.hoisted(() => ({ facts: undefined as unknown, images: [] as { id: string; tags: string[] }[] }))
vi.mock('../../../agent/facts/collect.ts', () => ({ collectFacts: async () => host.facts }))
vi.mock('../../../agent/runtimes/docker.ts', async (original) => ({
  ...(await original<object>()),
  listImages: async () => host.images,
  diffIdsOf: async () => [],
  readsZstd: async () => true,
}))

const PACKAGES = { id: 'packages', kind: 'packages', params: {} }
type Phase = Parameters<Journal['append']>[0]['phase']

let settings: { ports?: Record<string, number> } = {}

beforeEach(() => {
  settings = {}
  leftOut = undefined
  seeding = undefined
  Object.assign(host, { facts: healthyHost(), images: [] })
})

let leftOut: WorkOrder['leftOut']
let seeding: WorkOrder['seeding']

/** Prepares an install on a host whose journal has these entries. */
async function prepared(...entries: { phase: Phase; step?: typeof PACKAGES }[]) {
  const journal = await Journal.open(join(await temporaryFolder(), 'journal.ndjson'))
  for (const { phase, step = PACKAGES } of entries) await journal.append({ run: 'r', phase, step, before: null })
  const found = await prepareInstall({
    order: orderOf({
      unsignedAllowed: true,
      settings: { ...orderOf().settings, ...settings },
      ...(leftOut && { leftOut }),
      ...(seeding && { seeding }),
    }),
    bundle: shippedBundle().bundle,
    journal,
    command: new FakeCommands().run,
    store: await temporaryStore(),
    deskTimeMs: () => Date.now(),
  })
  return { ...found, ids: found.steps.map(({ id }) => id) }
}

const withoutDocker = (): Facts => ({ ...healthyHost(), docker: null })

describe('prepareInstall', () => {
  it('checks, plans the hub and the agent after it', async () => {
    const { checks, ids, settled } = await prepared()
    expect(checks.length).toBeGreaterThan(10)
    expect(ids[0]).toBe('store')
    expect(ids.at(-1)).toBe('agent')
    expect(settled).toBe(false)
  })

  it('uses the Docker that is there, and brings one where there is none', async () => {
    expect((await prepared()).ids).not.toContain('packages')
    host.facts = withoutDocker()
    expect((await prepared()).ids).toContain('packages')
  })

  it('finishes a Docker of its own that was half installed', async () => {
    expect((await prepared({ phase: 'before' })).ids).toContain('packages')
  })

  it('uses a Docker that came from elsewhere after an uninstall that kept the data', async () => {
    expect((await prepared({ phase: 'before' }, { phase: 'kept' })).ids).not.toContain('packages')
    expect((await prepared({ phase: 'before' }, { phase: 'undone' })).ids).not.toContain('packages')
  })

  it('knows whether an install ended well before', async () => {
    const agent = { id: 'agent', kind: 'unit', params: {} }
    expect((await prepared({ phase: 'before', step: agent })).settled).toBe(true)
    expect((await prepared({ phase: 'before', step: agent }, { phase: 'undone', step: agent })).settled).toBe(false)
  })

  it('counts no room for images that are there', async () => {
    const disk = async () => (await prepared()).checks.find(({ id }) => id === 'disk')?.needed
    const bare = await disk()
    host.images = IMAGES.map((name) => ({ id: name, tags: [name.replace(/^docker\.io\/(library\/)?/, '')] }))
    expect(await disk()).not.toBe(bare)
  })

  it('counts the layers as they travel too, where they stay for other hosts; and knows what it needs', async () => {
    const store = async () => (await prepared()).checks.find(({ id }) => id === 'disk')?.needed
    const alone = await prepared()
    const before = await store()
    seeding = { address: '10.0.0.7' }
    expect(await store()).not.toBe(before)
    const { needed } = await prepared()
    expect(needed.map(({ digest }) => digest)).toContain(digestOf('base'))
    expect(alone.needed).toEqual([])
    host.images = IMAGES.map((name) => ({ id: name, tags: [name.replace(/^docker\.io\/(library\/)?/, '')] }))
    const there = await store()
    seeding = undefined
    expect(await store()).toBe(there)
  })

  it('refuses a delta that leaves out what the host lacks, but not for what it does not need', async () => {
    leftOut = { base: digestOf('base'), blobs: [digestOf('of another profile')] }
    expect((await prepared()).steps.length).toBeGreaterThan(0)
    leftOut.blobs.push(digestOf('base'))
    await expect(prepared()).rejects.toMatchObject({ facts: { code: 'base-needed', kind: 'bundle' } })
  })

  it('needs the packages of a delta only where Docker has to come', async () => {
    leftOut = { base: digestOf('base'), blobs: [digestOf('docker.io_26.1.5_amd64.deb')] }
    expect((await prepared()).ids).not.toContain('packages')
    host.facts = withoutDocker()
    await expect(prepared()).rejects.toMatchObject({ facts: { code: 'base-needed' } })
  })

  it('tells of a host that fails a check before it tells what a delta lacks', async () => {
    leftOut = { base: digestOf('base'), blobs: [digestOf('base')] }
    host.facts = { ...healthyHost(), memory: { ...healthyHost().memory, totalBytes: 1e8, availableBytes: 1e8 } }
    expect((await prepared()).checks.some(({ status }) => status === 'fail')).toBe(true)
  })

  it('is the same each time: nothing is changed by looking', async () => {
    const [first, second] = [await prepared(), await prepared()]
    expect(second.steps).toEqual(first.steps)
  })

  it('knows the page’s port, which is the agent’s and no deployment’s', async () => {
    settings = { ports: { page: 9555 } }
    const { checks } = await prepared()
    expect(checks.find(({ id }) => id === 'ports')?.needed).toContain('9555 (page)')
  })
})

import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Facts } from '../../../agent/contract/facts.ts'
import { Journal } from '../../../agent/engine/journal.ts'
import { prepareInstall } from '../../../agent/service/prepare-install.ts'
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
}))

const PACKAGES = { id: 'packages', kind: 'packages', params: {} }
type Phase = Parameters<Journal['append']>[0]['phase']

let settings: { ports?: Record<string, number> } = {}

beforeEach(() => {
  settings = {}
  Object.assign(host, { facts: healthyHost(), images: [] })
})

/** Prepares an install on a host whose journal has these entries. */
async function prepared(...entries: { phase: Phase; step?: typeof PACKAGES }[]) {
  const journal = await Journal.open(join(await temporaryFolder(), 'journal.ndjson'))
  for (const { phase, step = PACKAGES } of entries) await journal.append({ run: 'r', phase, step, before: null })
  const found = await prepareInstall({
    order: orderOf({ settings: { ...orderOf().settings, ...settings } }),
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

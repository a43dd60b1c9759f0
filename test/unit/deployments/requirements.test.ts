import { describe, expect, it } from 'vitest'
import type { WorkOrder } from '../../../agent/contract/work-order.ts'
import { loadDeployment } from '../../../agent/deployments/core-test-harness/load.ts'
import { type HostNow, requirementsOf } from '../../../agent/deployments/core-test-harness/requirements.ts'
import { healthyHost } from '../preflight/healthy-host.ts'
import { orderOf } from '../service/orders.ts'
import { addImage, imageArtifact } from '../store/image.ts'
import { IMAGES, shippedBundle } from './harness.ts'

const NOW: HostNow = {
  facts: healthyHost(),
  images: IMAGES,
  present: [],
  installDocker: true,
  installing: false,
  storeBytes: 5_000,
  tarBytes: 0,
}

async function needsOf(changes: Partial<HostNow> = {}, order: Partial<WorkOrder> = {}, shipped = shippedBundle()) {
  const host = { profile: 'central-ledger', distribution: 'debian-13', architecture: 'amd64' }
  const deployment = await loadDeployment(shipped.bundle, host)
  return requirementsOf(orderOf(order), deployment, shipped.bundle, { ...NOW, ...changes })
}

describe('requirementsOf', () => {
  it('asks for what the profile needs', async () => {
    const { cores, memoryBytes, loopbackHosts } = await needsOf()
    expect(cores.fail).toBeGreaterThan(0)
    expect(memoryBytes.warn).toBeGreaterThanOrEqual(memoryBytes.fail)
    expect(loopbackHosts).toEqual(expect.arrayContaining(['localhost', '127.0.0.1', 'mysql', 'kafka']))
  })

  it('asks for the ports that will be published, as the site has them', async () => {
    const usual = await needsOf()
    expect(usual.ports.map(({ name }) => name)).toEqual(expect.arrayContaining(['central-ledger', 'kafka']))
    const settings = { ...orderOf().settings, ports: { kafka: 29092 } }
    expect((await needsOf({}, { settings })).ports.find(({ name }) => name === 'kafka')?.port).toBe(29092)
  })

  it('refuses a port that the deployment does not have: a slip of the pen', async () => {
    const settings = { ...orderOf().settings, ports: { 'central-leger': 3001 } }
    await expect(needsOf({}, { settings })).rejects.toMatchObject({
      facts: { kind: 'usage', found: 'central-leger', needed: expect.stringContaining('central-ledger') },
    })
  })

  it('lets a site move the port where validation listens, which no service publishes', async () => {
    const settings = { ...orderOf().settings, ports: { callbacks: 14_040 } }
    expect((await needsOf({}, { settings })).ports).toEqual((await needsOf()).ports)
  })

  it('counts packages only where Docker has to be installed, images only where they lack', async () => {
    const purposes = async (changes: Partial<HostNow>) => (await needsOf(changes)).disk.map(({ purpose }) => purpose)
    expect(await purposes({})).toEqual(expect.arrayContaining(['images', 'data', 'store', 'packages']))
    expect(await purposes({ installDocker: false })).not.toContain('packages')
    expect(await purposes({ present: IMAGES })).not.toContain('images')
    expect(await purposes({ storeBytes: 0 })).not.toContain('store')
  })

  it('takes the architectures from the images', async () => {
    expect((await needsOf()).architectures).toEqual(['amd64'])
    const arm = shippedBundle({ architecture: 'arm64' })
    expect((await needsOf({}, {}, arm)).architectures).toEqual(['arm64'])
    expect((await needsOf({}, {}, arm)).disk).toEqual([])
  })

  it('does not take an architecture for carried of which an image lacks', async () => {
    const shipped = shippedBundle()
    const [first] = IMAGES
    const other = imageArtifact(first ?? '', addImage(shipped.desk, ['arm']), { os: 'linux', architecture: 'arm64' })
    shipped.bundle.manifest.artifacts.push(other)
    expect((await needsOf({}, {}, shipped)).architectures).toEqual(['amd64'])
  })

  it('knows the distributions whose packages fit this host', async () => {
    expect((await needsOf()).distributions).toEqual(['debian-13'])
    const facts = { ...healthyHost(), cpu: { ...healthyHost().cpu, architecture: 'arm64' } }
    expect((await needsOf({ facts })).distributions).toEqual([])
  })

  it('does not hold half an installation of its own against the host', async () => {
    expect((await needsOf({ installing: true })).docker.installing).toBe(true)
    expect((await needsOf()).docker.installing).toBe(false)
  })
})

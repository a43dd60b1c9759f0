import { describe, expect, it } from 'vitest'
import { type BundleNeedsInput, bundleNeeds, runtimeFactor } from '../../../agent/preflight/bundle-needs.ts'
import type { Artifact, ArtifactKind } from '../../../bundles/format/manifest.ts'
import { healthyHost } from './healthy-host.ts'

function artifact(kind: ArtifactKind, name: string, unpackedBytes: number, architecture?: string): Artifact {
  const platform = architecture === undefined ? undefined : { os: 'linux', architecture }
  const digest = `sha256:${'0'.repeat(64)}` as const
  return { kind, name, unpackedBytes, platform, descriptor: { mediaType: 'm', digest, size: 1 } }
}

function needs(change: Partial<BundleNeedsInput> = {}) {
  const artifacts = [
    artifact('image', 'ledger:1', 300e6, 'amd64'),
    artifact('image', 'ledger:1', 999e6, 'arm64'),
    artifact('image', 'mysql:8', 200e6),
    artifact('image', 'unused:1', 5e9),
    artifact('packages', 'debian-13', 400e6, 'amd64'),
  ]
  return bundleNeeds({
    manifest: {
      digest: `sha256:${'0'.repeat(64)}`,
      deployment: 'd',
      version: '1',
      artifacts,
    } as unknown as BundleNeedsInput['manifest'],
    images: ['ledger:1', 'mysql:8'],
    present: [],
    architecture: 'amd64',
    docker: null,
    distribution: 'debian-13',
    dataBytes: 2e9,
    storeBytes: 100e6,
    tarBytes: 0,
    ...change,
  })
}

function bytes(found: ReturnType<typeof needs>): Record<string, number> {
  return Object.fromEntries(found.map((need) => [`${need.path} ${need.purpose}`, need.bytes]))
}

describe('bundleNeeds', () => {
  it('counts the images of this profile and architecture, data, store and packages, each where it will lie', () => {
    expect(bytes(needs())).toEqual({
      '/var/lib/docker images': 600e6,
      '/var/lib/docker data': 2e9,
      '/var/lib/mojabox store': 100e6,
      '/usr packages': 400e6,
    })
  })

  it('counts the tars of layers that Docker unpacks later, where it keeps them', () => {
    const docker = { ...healthyHost().docker, rootDir: '/data/docker' } as BundleNeedsInput['docker']
    expect(bytes(needs({ tarBytes: 170e6, docker }))['/data/docker layers on their way']).toBe(170e6)
  })

  it('does not count what the node has', () => {
    const docker = healthyHost().docker
    const hub = docker && { ...docker, containers: { total: 6, running: 6, ours: 6, oursRunning: 6 } }
    const all = { present: ['ledger:1', 'mysql:8'], distribution: undefined, storeBytes: 0, docker: hub }
    expect(bytes(needs({ present: ['ledger:1'] }))['/var/lib/docker images']).toBe(240e6)
    expect(needs(all)).toEqual([])
  })

  it('counts a layer that images share once, and not at all when an image that is there has it', () => {
    const layers = new Map([
      [
        'ledger:1',
        [
          { digest: 'base', size: 50 },
          { digest: 'app', size: 100 },
        ],
      ],
      [
        'mysql:8',
        [
          { digest: 'base', size: 50 },
          { digest: 'db', size: 50 },
        ],
      ],
    ])
    expect(bytes(needs({ layers }))['/var/lib/docker images']).toBe((300e6 + 100e6) * 1.2)
    expect(bytes(needs({ layers, present: ['ledger:1'] }))['/var/lib/docker images']).toBe(100e6 * 1.2)
  })

  it('follows an existing Docker to where and how it keeps images', () => {
    const docker = healthyHost().docker
    const moved = docker && { ...docker, rootDir: '/data/docker' }
    const inContainerd = docker && { ...docker, imageStore: 'containerd' as const }
    expect(bytes(needs({ docker: moved }))['/data/docker images']).toBe(600e6)
    expect(bytes(needs({ docker: inContainerd }))['/var/lib/containerd images']).toBe(750e6)
  })

  it('multiplies for drivers that copy', () => {
    const docker = healthyHost().docker
    expect(runtimeFactor(docker && { ...docker, storageDriver: 'vfs' })).toBe(4)
  })

  it('refuses a profile whose image the bundle lacks', () => {
    expect(() => needs({ images: ['kafka:4'] })).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ code: 'image-not-in-bundle', kind: 'bundle' }) }),
    )
    expect(() => needs({ architecture: 's390x' })).toThrow('ledger:1 for s390x')
  })
})

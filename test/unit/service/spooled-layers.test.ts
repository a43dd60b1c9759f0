import { describe, expect, it } from 'vitest'
import type { NodeBundle } from '../../../agent/contract/step.ts'
import { spoolsLayers } from '../../../agent/service/spooled-layers.ts'
import { IMAGES, shippedBundle } from '../deployments/harness.ts'
import { healthyHost } from '../preflight/healthy-host.ts'

const { bundle } = shippedBundle()

/** The bundle with every text of its blobs changed so. */
function changed(from: string, to: string): NodeBundle {
  const readBlob: NodeBundle['readBlob'] = async (digest) =>
    Buffer.from((await bundle.readBlob(digest)).toString().replaceAll(from, to))
  return { ...bundle, readBlob }
}

const ZSTD = changed('tar+gzip', 'tar+zstd')
const artifact = bundle.manifest.artifacts.find(({ kind }) => kind === 'packages')
if (!artifact) throw new Error('no packages')
const packages = { artifact, blobs: [], install: [] }

/** On a host with that Docker; null where there is none yet. */
const spools = (of: NodeBundle, serverVersion: string | null, brought?: typeof packages) => {
  const host = healthyHost()
  const docker = host.docker && serverVersion ? { ...host.docker, serverVersion } : null
  return spoolsLayers({ docker, cpu: host.cpu }, brought, of, IMAGES)
}

describe('spoolsLayers', () => {
  it('is so with zstd on a Docker that reads none, and only there', async () => {
    expect(await spools(ZSTD, '20.10.24+dfsg1')).toBe(true)
    expect(await spools(ZSTD, '23.0.1')).toBe(false)
    expect(await spools(ZSTD, '26.1.5+dfsg1')).toBe(false)
    expect(await spools(bundle, '20.10.24+dfsg1')).toBe(false)
  })

  it('goes by the Docker that the bundle brings where there is none', async () => {
    expect(await spools(ZSTD, null, packages)).toBe(false)
    const older = changed('docker.io_26.1.5', 'docker.io_20.10.24+dfsg1-1')
    const both: NodeBundle = {
      ...older,
      readBlob: async (digest) =>
        Buffer.from((await older.readBlob(digest)).toString().replaceAll('tar+gzip', 'tar+zstd')),
    }
    expect(await spools(both, null, packages)).toBe(true)
    expect(await spools(both, null)).toBe(false)
  })

  it('leaves a bundle for other processors to the checks', async () => {
    expect(await spools(shippedBundle({ architecture: 's390x' }).bundle, '20.10.24')).toBe(false)
  })
})

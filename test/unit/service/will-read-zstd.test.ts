import { describe, expect, it } from 'vitest'
import type { NodeBundle } from '../../../agent/contract/step.ts'
import { willReadZstd } from '../../../agent/service/will-read-zstd.ts'
import { shippedBundle } from '../deployments/harness.ts'

const { bundle } = shippedBundle()
const artifact = bundle.manifest.artifacts.find(({ kind }) => kind === 'packages')
if (!artifact) throw new Error('no packages')
const packages = { artifact, blobs: [], install: [] }

/** The bundle with another Docker among its packages. */
function bringing(docker: string): NodeBundle {
  const readBlob: NodeBundle['readBlob'] = async (digest) =>
    Buffer.from((await bundle.readBlob(digest)).toString().replaceAll('docker.io_26.1.5', docker))
  return { ...bundle, readBlob }
}

describe('willReadZstd', () => {
  it.each([
    ['docker.io_26.1.5', true],
    ['docker.io_20.10.24+dfsg1-1+b3', false],
    ['docker-ce_5%3a23.0.1-1~debian.12~bookworm', true],
    ['docker-ce_5%3a20.10.9~3-0~debian-buster', false],
    ['tini_0.19.0-1', true],
  ])('goes by what the bundle brings where no Docker runs: %s, %s', async (title, reads) => {
    expect(await willReadZstd(null, packages, bringing(title))).toBe(reads)
  })

  it('takes an unknown one for a current one', async () => {
    expect(await willReadZstd(null, undefined, bringing('docker.io_20.10.24'))).toBe(true)
  })
})

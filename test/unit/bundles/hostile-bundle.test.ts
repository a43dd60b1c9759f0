import { writeFileSync } from 'node:fs'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { factsOf } from '../../../bundles/format/error.ts'
import { ARTIFACT_TYPES, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { readEnvelope, signaturePath } from '../../../bundles/format/signature.ts'
import { END_BYTES, encodeHeader } from '../../../bundles/format/tar-header.ts'
import { verifyBundle } from '../../../bundles/format/verify.ts'
import { bundleBytes, bundleManifest, ForgedBlobs, listed } from '../fuzz/forged-bundle.ts'
import { temporaryFolder } from './temporary-folder.ts'

function written(bytes: Buffer): string {
  const path = join(temporaryFolder(), 'bundle.tar')
  writeFileSync(path, bytes)
  return path
}

async function faultOf(path: string) {
  try {
    const bundle = await openBundle(path)
    await verifyBundle(bundle).finally(() => bundle.close())
  } catch (error) {
    return factsOf(error)
  }
  return undefined
}

describe('a bundle that means no good', () => {
  it('with indexes that name each other twice over is read once each, not two to the thirty times', async () => {
    const blobs = new ForgedBlobs()
    let top = blobs.manifest([])
    for (let level = 0; level < 30; level += 1) {
      top = blobs.put({ schemaVersion: 2, level, manifests: [top, top] }, MEDIA_TYPES.index)
    }
    const files = { artifactType: ARTIFACT_TYPES.files }
    const path = written(bundleBytes(bundleManifest([listed('files', 'data', top, files)]), blobs.blobs))
    expect(await faultOf(path)).toBeUndefined()
  })

  it('with thousands of artifacts that name one large manifest is refused before a machine has read it for each', async () => {
    const blobs = new ForgedBlobs()
    const empty = blobs.put('{}', MEDIA_TYPES.empty)
    const layers = Array.from({ length: 20_000 }, () => empty)
    const large = blobs.put({ schemaVersion: 2, config: empty, layers }, MEDIA_TYPES.manifest)
    const artifacts = Array.from({ length: 5_000 }, (_, at) => listed('files', `data-${at}`, large))
    const path = written(bundleBytes(bundleManifest(artifacts), blobs.blobs))
    expect(await faultOf(path)).toMatchObject({
      code: 'bundle-corrupt',
      message: expect.stringContaining('5000 artifacts name more manifests'),
    })
  })

  it('that lists a manifest as smaller than it is, is refused', async () => {
    const blobs = new ForgedBlobs()
    const manifests = [{ ...blobs.manifest([]), size: 1 }]
    const index = blobs.put({ schemaVersion: 2, manifests }, MEDIA_TYPES.index)
    const path = written(bundleBytes(bundleManifest([listed('files', 'data', index)]), blobs.blobs))
    expect(await faultOf(path)).toMatchObject({ code: 'bundle-corrupt', needed: '1 bytes' })
  })

  it('with a manifest of 100 MB is refused before that is read', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'bundle.tar')
    const size = 100 * 1024 * 1024
    const layout = encodeHeader('oci-layout', 30)
    await writeFile(path, Buffer.concat([layout, Buffer.alloc(512), encodeHeader('index.json', size)]))
    await truncate(path, 3 * 512 + size + END_BYTES)
    expect(await faultOf(path)).toMatchObject({ code: 'bundle-corrupt', kind: 'bundle' })
  })

  it('with an artifact’s manifest of 100 MB is refused, not held in memory', async () => {
    const blobs = new ForgedBlobs()
    const huge = blobs.put(Buffer.alloc(100 * 1024 * 1024, ' '), MEDIA_TYPES.manifest)
    const path = written(bundleBytes(bundleManifest([listed('files', 'data', huge)]), blobs.blobs))
    expect(await faultOf(path)).toMatchObject({ code: 'blob-too-large', kind: 'bundle' })
  })

  it.each(['../../etc/cron.d/own', '/etc/passwd', 'blobs/sha256/../../../etc/passwd', 'index.json', 'blobs/sha256/'])(
    'with a file %s in it is refused',
    async (name) => {
      const good = bundleBytes(bundleManifest([]), new Map())
      const file = Buffer.concat([encodeHeader(name, 5), Buffer.alloc(512, 'x')])
      const path = written(Buffer.concat([good.subarray(0, -END_BYTES), file, Buffer.alloc(END_BYTES)]))
      expect(await faultOf(path)).toMatchObject({ code: 'bundle-corrupt', kind: 'bundle' })
    },
  )

  it.each([-1, -512, -1024, 2 ** 40, 2 ** 52])('with a file of %d bytes is refused', async (size) => {
    for (const name of ['oci-layout', 'index.json', `blobs/sha256/${'a'.repeat(64)}`]) {
      const heads = ['oci-layout', 'index.json'].filter((each) => each !== name)
      const before = heads.slice(0, name === 'oci-layout' ? 0 : heads.length).map((each) => encodeHeader(each, 0))
      const path = written(Buffer.concat([...before, encodeHeader(name, size), Buffer.alloc(4096)]))
      expect((await faultOf(path))?.kind, name).toBe('bundle')
    }
  })

  it('with signatures of 100 MB, or a folder in their place, is refused', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'bundle.tar')
    await writeFile(signaturePath(path), '')
    await truncate(signaturePath(path), 100 * 1024 * 1024)
    await expect(readEnvelope(path)).rejects.toMatchObject({ facts: { code: 'signature-invalid', kind: 'bundle' } })
    const other = join(folder, 'other.tar')
    await mkdir(signaturePath(other))
    await expect(readEnvelope(other)).rejects.toMatchObject({ facts: { code: 'signature-invalid', kind: 'bundle' } })
  })
})

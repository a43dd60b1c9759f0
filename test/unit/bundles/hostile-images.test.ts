import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { create, Pax } from 'tar'
import { describe, expect, it } from 'vitest'
import { openCache } from '../../../bundles/build/cache.ts'
import { unpackedBytes } from '../../../bundles/build/oci/layers.ts'
import { buildIn, specOf } from './build-in.ts'
import { temporaryFolder } from './temporary-folder.ts'

const NAME = 'docker.io/library/app:1'
const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex')
const build = (folder: string, from: string) =>
  buildIn(folder, { spec: specOf({ app: NAME }), origins: { images: { [NAME]: from } } })
const invalid = (found: RegExp) => ({
  facts: { code: 'local-image-invalid', kind: 'usage', found: expect.stringMatching(found) },
})

/** A folder as `docker save` has it, unpacked, of one layer. */
async function saved(folder: string, { layer = Buffer.from('layer'), changes = {} } = {}): Promise<string> {
  const source = join(folder, 'saved')
  await mkdir(source)
  const rootfs = { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] }
  await writeFile(join(source, 'layer.tar'), layer)
  await writeFile(join(source, 'config.json'), JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs }))
  const image = { Config: 'config.json', RepoTags: ['app:1'], Layers: ['layer.tar'], ...changes }
  await writeFile(join(source, 'manifest.json'), JSON.stringify([image]))
  return source
}

/** A tar header with the checksum of what it says now. */
function withSum(head: Buffer): Buffer {
  head.fill(' ', 148, 156)
  const sum = head.reduce((total, byte) => total + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return head
}

describe('an image from a file that means no good', () => {
  it.each([
    ['Layers', ['../outside.tar']],
    ['Layers', ['/dev/zero']],
    ['Config', '../../../../../../../../etc/hostname'],
  ])('that names as its %s %s is refused', async (key, value) => {
    const folder = temporaryFolder()
    const source = await saved(folder, { changes: { [key]: value } })
    await writeFile(join(folder, 'outside.tar'), 'layer')
    await expect(build(folder, source)).rejects.toMatchObject(invalid(/leads out/))
  })

  it.each(['../outside.tar', '/dev/zero'])('whose layer is a link to %s is refused', async (target) => {
    const folder = temporaryFolder()
    const source = await saved(folder, { changes: { Layers: ['link.tar'] } })
    await writeFile(join(folder, 'outside.tar'), 'layer')
    await symlink(target, join(source, 'link.tar'))
    await expect(build(folder, source)).rejects.toMatchObject(invalid(/leads out|no layer/))
  })

  it('whose archive links out of itself is refused', async () => {
    const folder = temporaryFolder()
    const source = await saved(folder, { changes: { Layers: ['link.tar'] } })
    await symlink('../../../../etc/hostname', join(source, 'link.tar'))
    const path = join(folder, 'saved.tar')
    await create({ file: path, cwd: source }, await readdir(source))
    await expect(build(folder, path)).rejects.toMatchObject(invalid(/no layer/))
  })

  it('in a tar with a header of gigabytes is refused', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'image.tar')
    const head = new Pax({ path: 'x' }).encode().subarray(0, 512)
    const size = 3 * 1024 ** 3
    head.write(`${size.toString(8).padStart(11, '0')} `, 124, 'latin1')
    await writeFile(path, withSum(head))
    await truncate(path, size + 2048)
    await expect(build(folder, path)).rejects.toMatchObject(invalid(/tar header of 3221225472 bytes/))
  })

  it('whose configuration is larger than any, or no JSON, is refused', async () => {
    const folder = temporaryFolder()
    const source = await saved(folder)
    await writeFile(join(source, 'config.json'), 'no JSON')
    await expect(build(folder, source)).rejects.toMatchObject(invalid(/1 layers, of which 0/))
    await truncate(join(source, 'config.json'), 1024 ** 4)
    await expect(build(folder, source)).rejects.toMatchObject(invalid(/too large/))
  })

  it('whose layer begins like gzip and is none is refused', async () => {
    const folder = temporaryFolder()
    const source = await saved(folder, { layer: Buffer.concat([Buffer.from([0x1f, 0x8b]), randomBytes(500)]) })
    await expect(build(folder, source)).rejects.toMatchObject(invalid(/damaged layer/))
  })
})

describe('a layer that unpacks to more than any has', () => {
  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const)('is refused when it is packed with %s', async (name, pack) => {
    const cache = await openCache(temporaryFolder())
    const bytes = pack(Buffer.alloc(50_000_000))
    const digest = await cache.put(bytes)
    const layer = { mediaType: `application/vnd.oci.image.layer.v1.tar+${name}`, digest, size: bytes.length }
    const count = (limit?: number) => unpackedBytes(cache, NAME, [layer], new AbortController().signal, limit)
    await expect(count(10_000_000)).rejects.toMatchObject({ facts: { code: 'layer-too-large', kind: 'bundle' } })
    expect(await count()).toBe(50_000_000)
    expect((await readFile(cache.pathOf(digest))).length).toBe(bytes.length)
  })
})

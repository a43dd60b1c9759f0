import { randomBytes, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { openCache } from '../../../bundles/build/cache.ts'
import { makePatch } from '../../../bundles/build/patches/make-patch.ts'
import { olderEntries, planParts } from '../../../bundles/build/patches/plan-parts.ts'
import { applyPatch } from '../../../bundles/format/apply-patch.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import {
  encodePatchHead,
  MAX_PART_BYTES,
  MAX_REFERENCE_BYTES,
  type PatchPart,
  patchDescriptor,
  patchesIn,
} from '../../../bundles/format/layer-patch.ts'
import { MEDIA_TYPES, type OciManifest } from '../../../bundles/format/manifest.ts'
import { layerFile, rangesOf } from './layer-files.ts'
import { type LayerEntry, layerTar } from './layer-tar.ts'
import { temporaryFolder } from './temporary-folder.ts'

async function cacheOf() {
  return openCache(join(temporaryFolder(), 'cache'))
}

/** A patch of one tar over another, and what is said of it. */
async function patchOf(older: Buffer, newer: Buffer) {
  const cache = await cacheOf()
  const [from, to] = await Promise.all([layerFile(older), layerFile(newer)])
  const descriptor = await makePatch(from, to, cache, new AbortController().signal)
  return { descriptor, about: { from, to }, bytes: await buffer(cache.read(descriptor.digest)) }
}

type Patch = Awaited<ReturnType<typeof patchOf>>

/** What it gives, and why it ended, in pieces of the patch of an odd size. */
async function applied({ bytes, about }: Pick<Patch, 'bytes' | 'about'>, older: Buffer) {
  const pieces: Buffer[] = []
  const chunks = Array.from({ length: Math.ceil(bytes.length / 777) }, (_, at) =>
    bytes.subarray(at * 777, at * 777 + 777),
  )
  try {
    for await (const piece of applyPatch(Readable.from(chunks), about, rangesOf(older))) pieces.push(piece)
    return { tar: Buffer.concat(pieces) }
  } catch (error) {
    return { tar: Buffer.concat(pieces), failure: (error as { facts?: unknown }).facts }
  }
}

const unusable = { code: 'patch-unusable', kind: 'bundle' }

/** Text that does not compress away. */
function noise(bytes: number): string {
  return randomBytes(bytes / 2).toString('hex')
}

function modules(count: number, bytes: number): Record<string, LayerEntry> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`app/node_modules/m${at}/index.js`, noise(bytes)]),
  )
}

describe('a layer’s patch', () => {
  it('gives the layer, and is as small as what differs', async () => {
    const files = modules(300, 20_000)
    const older = layerTar(files)
    const newer = layerTar({ ...files, 'app/node_modules/m7/index.js': noise(20_000), 'app/new.js': noise(20_000) })
    const patch = await patchOf(older, newer)
    expect((await applied(patch, older)).tar.equals(newer)).toBe(true)
    expect(patch.bytes.length).toBeLessThan(40_000)
  })

  it('finds a file again under another path, and one whose header alone has changed', async () => {
    const files = modules(100, 20_000)
    const moved = Object.fromEntries(
      Object.entries(files).map(([path, content]) => [path.replace('app/', 'srv/'), content]),
    )
    const older = layerTar(files)
    const newer = layerTar(moved)
    const patch = await patchOf(older, newer)
    expect((await applied(patch, older)).tar.equals(newer)).toBe(true)
    expect(patch.bytes.length).toBeLessThan(20_000)
  })

  it('reaches into a file that is larger than what is held at a time', async () => {
    const binary = randomBytes(20_000_000)
    const older = layerTar({ first: noise(1000), 'usr/bin/node': binary.toString('latin1') })
    const changed = Buffer.concat([
      randomBytes(900_000),
      binary.subarray(0, 9_000_000),
      randomBytes(10),
      binary.subarray(9_000_010),
    ])
    const newer = layerTar({ 'usr/bin/node': changed.toString('latin1') })
    const patch = await patchOf(older, newer)
    expect((await applied(patch, older)).tar.equals(newer)).toBe(true)
    expect(patch.bytes.length).toBeLessThan(newer.length / 5)
  })

  it.each(Array.from({ length: 12 }, (_, seed) => seed))('gives whatever came out of random changes (%i)', async () => {
    const files = modules(randomInt(1, 60), randomInt(1, 3000) * 2)
    const older = layerTar(files)
    const next: Record<string, LayerEntry> = {}
    for (const [path, content] of Object.entries(files)) {
      const text = String(content)
      const at = randomInt(text.length)
      const deed = randomInt(6)
      if (deed === 0) continue
      if (deed === 1) next[path] = text.slice(0, at) + noise(40) + text.slice(at)
      else if (deed === 2) next[path] = text.slice(at)
      else if (deed === 3) next[`moved/${path}`] = text
      else next[path] = text
    }
    const cut = randomInt(3) === 0
    const newer = layerTar(next)
    const target = cut
      ? newer.subarray(0, randomInt(newer.length + 1))
      : Buffer.concat([newer, randomBytes(randomInt(100))])
    const patch = await patchOf(older, target)
    expect((await applied(patch, older)).tar.equals(target)).toBe(true)
  })

  it('gives what is no tar at all', async () => {
    const [older, newer] = [randomBytes(50_000), randomBytes(70_000)]
    expect((await applied(await patchOf(older, newer), older)).tar.equals(newer)).toBe(true)
  })

  it('is the same for the same layers, byte for byte', async () => {
    const files = modules(50, 5000)
    const older = layerTar(files)
    const newer = layerTar({ ...files, more: noise(5000) })
    expect((await patchOf(older, newer)).bytes.equals((await patchOf(older, newer)).bytes)).toBe(true)
  })

  it('holds a bounded piece of either layer at a time', async () => {
    const files = modules(3000, 4000)
    const { entries } = await layerFile(layerTar(files))
    const tar = layerTar(Object.fromEntries(Object.entries(files).reverse()))
    const newer = await layerFile(tar)
    const parts = planParts(newer.entries, newer.sizeBytes, olderEntries(entries))
    expect(parts.reduce((sum, { targetBytes }) => sum + targetBytes, 0)).toBe(tar.length)
    for (const { targetBytes, ranges } of parts) {
      expect(targetBytes).toBeLessThanOrEqual(MAX_PART_BYTES / 2)
      expect(ranges.reduce((sum, [, length]) => sum + length, 0)).toBeLessThanOrEqual(MAX_REFERENCE_BYTES)
    }
  })
})

describe('a patch that does not fit', () => {
  const files = modules(400, 20_000)
  const older = layerTar(files)
  const newer = layerTar({ ...files, 'app/node_modules/m7/index.js': noise(20_000) })

  it('never gives a whole layer when it is cut or damaged anywhere', async () => {
    const { bytes, about } = await patchOf(older, newer)
    for (const at of [0, 3, 9, 14, 40, bytes.length >> 1, bytes.length - 1]) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] ?? 0) ^ 0x55
      for (const patch of [bytes.subarray(0, at), damaged]) {
        const { tar, failure } = await applied({ bytes: patch, about }, older)
        expect(failure, `byte ${at}`).toMatchObject(unusable)
        expect(tar.length).toBeLessThan(newer.length)
      }
    }
  })

  it('gives no byte of a part whose older layer is another, of the same length', async () => {
    const patch = await patchOf(older, newer)
    const other = Buffer.from(older)
    for (let at = 1000; at < other.length; at += 5000) other[at] = (other[at] ?? 0) ^ 1
    const { tar, failure } = await applied(patch, other)
    expect(failure).toMatchObject(unusable)
    expect(newer.subarray(0, tar.length).equals(tar)).toBe(true)
  })

  it('is refused over an older layer of another length, and where that cannot be read', async () => {
    const patch = await patchOf(older, newer)
    expect((await applied(patch, older.subarray(512))).failure).toMatchObject(unusable)
    const broken = { sizeBytes: older.length, read: () => Promise.reject(new Error('no such file')) }
    const read = async () => {
      for await (const _ of applyPatch(Readable.from([patch.bytes]), patch.about, broken));
    }
    await expect(read()).rejects.toMatchObject({ facts: { ...unusable, found: 'no such file' } })
  })

  /** A patch of one part that claims this, and has this frame. */
  function hostile(part: Partial<PatchPart>, frame: Buffer, toBytes: number): Promise<unknown> {
    const whole: PatchPart = { targetBytes: toBytes, packedBytes: frame.length, ranges: [], ...part }
    const bytes = Buffer.concat([encodePatchHead([whole]), frame])
    const from = { diffId: digestOf(older), sizeBytes: older.length }
    const about = { from, to: { diffId: digestOf('x'), sizeBytes: toBytes } } as Patch['about']
    return applied({ bytes, about }, older).then(({ tar, failure }) => ({ bytes: tar.length, failure }))
  }

  it('may not name bytes outside of the older layer', async () => {
    const frame = zstdCompressSync(Buffer.from('x'))
    for (const range of [
      [older.length, 1],
      [0, older.length + 1],
      [Number.MAX_SAFE_INTEGER, 10],
    ] as [number, number][]) {
      expect(await hostile({ ranges: [range] }, frame, 1)).toEqual({
        bytes: 0,
        failure: expect.objectContaining(unusable),
      })
    }
    for (const range of [
      [-1, 1],
      [0.5, 1],
    ] as [number, number][]) {
      expect(await hostile({ ranges: [range] }, frame, 1)).toEqual({
        bytes: 0,
        failure: expect.objectContaining(unusable),
      })
    }
  })

  it('may not unpack to more, or less, than it says', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024))
    const failure = expect.objectContaining(unusable)
    expect(await hostile({}, bomb, 1000)).toEqual({ bytes: 0, failure })
    expect(await hostile({}, zstdCompressSync(Buffer.from('less')), 1000)).toEqual({ bytes: 0, failure })
  })

  it('may not say more than is held, nor a layer of another size', async () => {
    const frame = zstdCompressSync(Buffer.from('x'))
    const failure = expect.objectContaining(unusable)
    expect(await hostile({}, frame, MAX_PART_BYTES + 1)).toEqual({ bytes: 0, failure })
    expect(await hostile({ packedBytes: MAX_PART_BYTES + 1 }, frame, 1)).toEqual({ bytes: 0, failure })
    const ranges = Array.from({ length: 10 }, (): [number, number] => [0, 4_000_000])
    expect(await hostile({ ranges }, frame, 1)).toEqual({ bytes: 0, failure })
    expect(await hostile({ targetBytes: 2 }, frame, 1)).toEqual({ bytes: 0, failure })
  })

  it('may not have an index that unpacks to more than it says', async () => {
    const index = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024, ' '))
    const lengths = Buffer.alloc(8)
    lengths.writeUInt32LE(index.length, 0)
    lengths.writeUInt32LE(100, 4)
    const bytes = Buffer.concat([Buffer.from('mojapat1'), lengths, index])
    expect((await applied({ ...(await patchOf(older, newer)), bytes }, older)).failure).toMatchObject(unusable)
    lengths.writeUInt32LE(0xffffffff, 4)
    const large = Buffer.concat([Buffer.from('mojapat1'), lengths, index])
    expect((await applied({ ...(await patchOf(older, newer)), bytes: large }, older)).failure).toMatchObject(unusable)
  })
})

describe('the list of patches', () => {
  it('says of each which layer it makes, and of which', async () => {
    const [from, to] = ['older', 'newer'].map((text) => ({ diffId: digestOf(text), sizeBytes: 7 }))
    if (!from || !to) throw new Error('two')
    const descriptor = { mediaType: MEDIA_TYPES.layerPatch, digest: digestOf('patch'), size: 5 }
    const patch = { descriptor, layer: digestOf('blob'), from, to }
    const listed = { layers: [patchDescriptor(patch), { ...descriptor, annotations: {} }] } as OciManifest
    expect(patchesIn(listed)).toEqual([patch])
  })
})

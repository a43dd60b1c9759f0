import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../../bundles/format/digest.ts'
import { ANNOTATIONS, type Artifact, type Digest, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import { END_BYTES, encodeHeader, paddingBytes } from '../../../bundles/format/tar-header.ts'
import { executableSource } from '../../../installer/delivery/executable.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { FakeDesk } from '../store/fake-desk.ts'
import { bundleOf } from '../store/image.ts'

const OWN = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch
const OTHER = OWN === 'amd64' ? 'arm64' : 'amd64'
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** As a bundle carries an executable. */
function packedTar(bytes: Buffer): Buffer {
  const end = Buffer.alloc(paddingBytes(bytes.length) + END_BYTES)
  return zstdCompressSync(Buffer.concat([encodeHeader('mojabox', bytes.length), bytes, end]))
}

/** What comes out of a stream. */
async function contentOf(stream: Readable): Promise<Buffer> {
  return Buffer.concat(await stream.toArray())
}

/** A bundle that carries these executables. */
function bundleWith(executables: Record<string, Buffer>, annotations: Record<string, string> = {}) {
  const desk = new FakeDesk()
  const artifacts = Object.entries(executables).map(([architecture, bytes]): Artifact => {
    const packed = packedTar(bytes)
    const layer = {
      mediaType: MEDIA_TYPES.zstdTar,
      digest: desk.add(packed),
      size: packed.length,
      annotations: {
        [ANNOTATIONS.uncompressedDigest]: digestOf(bytes),
        [ANNOTATIONS.uncompressedBytes]: String(bytes.length),
        ...annotations,
      },
    }
    const config = { mediaType: MEDIA_TYPES.empty, ...desk.addJson({}) }
    const descriptor = {
      mediaType: MEDIA_TYPES.manifest,
      ...desk.addJson({ schemaVersion: 2, config, layers: [layer] }),
    }
    return {
      kind: 'executable',
      name: 'mojabox',
      platform: { os: 'linux', architecture },
      unpackedBytes: 1,
      descriptor,
    }
  })
  return {
    manifest: bundleOf(artifacts),
    sizeOf: async (digest: Digest) => desk.blobs.get(digest)?.length,
    read: (digest: Digest) => Readable.from([desk.blobs.get(digest) ?? Buffer.alloc(0)], { objectMode: false }),
  }
}

async function ownFile(bytes: Buffer): Promise<string> {
  const path = join(await temporaryFolder(), 'mojabox')
  await writeFile(path, bytes)
  return path
}

describe('executableSource', () => {
  const mine = randomBytes(1000)

  it('sends this desk’s own executable', async () => {
    const found = await executableSource(undefined, await ownFile(mine)).for(OWN)
    expect(found).toMatchObject({ sha256: sha256(mine), sizeBytes: 1000, packed: undefined })
  })

  it('sends the bundle’s where it is the same: it is smaller', async () => {
    const found = await executableSource(bundleWith({ [OWN]: mine }), await ownFile(mine)).for(OWN)
    expect(found).toMatchObject({ sha256: sha256(mine), sizeBytes: 1000 })
    expect((await contentOf(found.open(0))).equals(mine)).toBe(true)
    expect((await contentOf(found.open(990))).equals(mine.subarray(990))).toBe(true)
    expect((await contentOf(found.packed?.open(0) ?? Readable.from([]))).equals(packedTar(mine))).toBe(true)
  })

  it('sends its own where the bundle has another version: desk and node must speak the same', async () => {
    const found = await executableSource(bundleWith({ [OWN]: randomBytes(10) }), await ownFile(mine)).for(OWN)
    expect(found.sha256).toBe(sha256(mine))
  })

  it('sends the bundle’s to a host of another architecture, or when it runs from sources', async () => {
    const bundle = bundleWith({ [OTHER]: randomBytes(10), [OWN]: mine })
    expect((await executableSource(bundle, await ownFile(mine)).for(OTHER)).packed).toBeDefined()
    expect((await executableSource(bundle, undefined).for(OWN)).packed).toBeDefined()
  })

  it('sends its own where a delta leaves the same out', async () => {
    const delta = { ...bundleWith({ [OWN]: mine }), sizeOf: async () => undefined }
    expect((await executableSource(delta, await ownFile(mine)).for(OWN)).packed).toBeUndefined()
  })

  it.each([
    ['a digest that is empty', { [ANNOTATIONS.uncompressedDigest]: 'sha256:' }],
    ['a digest of two lines', { [ANNOTATIONS.uncompressedDigest]: `sha256:${'0'.repeat(64)}  /dev/null\n` }],
    ['no size', { [ANNOTATIONS.uncompressedBytes]: 'many' }],
    ['the size of a disk', { [ANNOTATIONS.uncompressedBytes]: '1000000000000' }],
  ])('refuses a bundle that says of its executable %s', async (_what, annotations) => {
    const error = await executableSource(bundleWith({ [OTHER]: mine }, annotations), undefined)
      .for(OTHER)
      .catch((thrown) => thrown)
    expect(error.facts).toMatchObject({ code: 'bundle-corrupt', kind: 'bundle' })
  })

  it.each([
    ['there is no bundle', undefined],
    ['the bundle carries none for it', bundleWith({ [OWN]: mine })],
    ['the bundle is a delta that leaves it out', { ...bundleWith({ [OTHER]: mine }), sizeOf: async () => undefined }],
  ])('says how to get one when %s', async (_what, bundle) => {
    const error = await executableSource(bundle, undefined)
      .for(OTHER)
      .catch((thrown) => thrown)
    expect(error.facts).toMatchObject({ code: 'executable-missing', kind: 'bundle' })
    expect(error.facts.next).toContain(`linux/${OTHER}`)
  })
})

import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { zstdCompressSync } from 'node:zlib'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { ANNOTATIONS, type Artifact, type Digest, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import { END_BYTES, encodeHeader, paddingBytes } from '../../../bundles/format/tar-header.ts'
import { deliverExecutable, executableSource } from '../../../installer/delivery/executable.ts'
import { connectLocal } from '../../../installer/fleet/local-connection.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { FakeDesk } from '../store/fake-desk.ts'
import { bundleOf } from '../store/image.ts'
import { FakeNode } from './fake-node.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

const OWN = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch
const OTHER = OWN === 'amd64' ? 'arm64' : 'amd64'
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const signal = new AbortController().signal

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
    expect((await contentOf(found.open())).equals(mine)).toBe(true)
    expect((await contentOf(found.packed?.open() ?? Readable.from([]))).equals(packedTar(mine))).toBe(true)
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

describe('deliverExecutable', () => {
  const bytes = randomBytes(500_000)
  const plain = {
    sha256: sha256(bytes),
    sizeBytes: bytes.length,
    open: () => Readable.from([bytes]),
    packed: undefined,
  }
  const inTar = (tar: Buffer) => ({ ...plain, packed: { sizeBytes: tar.length, open: () => Readable.from([tar]) } })
  const folder = dirname(NODE_PATHS.executable)

  beforeEach(() => rm(NODE_PATHS.root, { recursive: true, force: true }))

  it('puts it there, executable by all and writable by its owner alone', async () => {
    const told: number[] = []
    const sent = await deliverExecutable(connectLocal('n1'), plain, (done) => told.push(done), signal)
    expect(sent).toBe(true)
    expect((await readFile(NODE_PATHS.executable)).equals(bytes)).toBe(true)
    expect((await stat(NODE_PATHS.executable)).mode & 0o777).toBe(0o755)
    expect(told.at(-1)).toBe(bytes.length)
    expect(await readdir(folder)).toEqual(['mojabox'])
  })

  // With the dpkg of this machine, which need be no newer than Debian 12's.
  it('is sent packed to a host whose dpkg unpacks it', async () => {
    const [told, packed] = [[] as number[], packedTar(Buffer.alloc(500_000, 'all alike'))]
    const sha = sha256(Buffer.alloc(500_000, 'all alike'))
    const executable = { ...inTar(packed), sha256: sha, open: () => expect.unreachable() }
    await deliverExecutable(connectLocal('n1'), executable, (done) => told.push(done), signal)
    expect(sha256(await readFile(NODE_PATHS.executable))).toBe(sha)
    expect(told.at(-1)).toBeGreaterThan(packed.length)
    expect(told.at(-1)).toBeLessThan(packed.length + 1_000)
  })

  it('is sent as it is to a host whose dpkg names no zstd', async () => {
    const node = new FakeNode()
    node.answer = (argv) => (argv[0] === 'sha256sum' ? { code: 1 } : undefined)
    await deliverExecutable(node.connect(), inTar(packedTar(bytes)), () => {}, signal)
    expect(node.executed.at(-1)?.input?.equals(bytes)).toBe(true)
  })

  it('sends nothing where the same is there', async () => {
    const told: number[] = []
    await deliverExecutable(connectLocal('n1'), plain, () => {}, signal)
    const again = await deliverExecutable(connectLocal('n1'), plain, (done) => told.push(done), signal)
    expect(again).toBe(false)
    expect(told).toEqual([])
  })

  it.each([
    ['arrives cut', bytes.subarray(0, 1000)],
    ['arrives damaged', Buffer.alloc(bytes.length)],
  ])('leaves what was there when it %s, and nothing half-written', async (_what, sent) => {
    await mkdir(folder, { recursive: true })
    await writeFile(NODE_PATHS.executable, 'the last version')
    const broken = { ...plain, open: () => Readable.from([sent]) }
    const error = await deliverExecutable(connectLocal('n1'), broken, () => {}, signal).catch((thrown) => thrown)
    expect(error.facts).toMatchObject({ code: 'executable-corrupt', kind: 'host' })
    expect(await readFile(NODE_PATHS.executable, 'utf8')).toBe('the last version')
    expect(await readdir(folder)).toEqual(['mojabox'])
  })

  it('takes of what unpacks to more than it says no more than that, and blames the bundle', async () => {
    const bomb = inTar(packedTar(Buffer.alloc(300_000_000)))
    let largest = 0
    const looking = setInterval(async () => {
      for (const name of await readdir(folder).catch(() => [])) {
        largest = Math.max(largest, (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0)
      }
    }, 5)
    const error = await deliverExecutable(connectLocal('n1'), bomb, () => {}, signal).catch((thrown) => thrown)
    clearInterval(looking)
    expect(error.facts).toMatchObject({ code: 'executable-corrupt', kind: 'bundle' })
    expect(largest).toBeLessThanOrEqual(bytes.length)
    expect(await stat(NODE_PATHS.root).catch(() => 'gone')).toBe('gone')
  })

  it('says what the host said when it cannot be put there', async () => {
    await mkdir(NODE_PATHS.root, { recursive: true })
    await writeFile(folder, 'a file in the way')
    const error = await deliverExecutable(connectLocal('n1'), plain, () => {}, signal).catch((thrown) => thrown)
    expect(error.facts.code).toBe('executable-not-sent')
    expect(error.facts.found).toMatch(/exists|directory/i)
    expect(error.facts.next).toContain('df -h')
  })

  it('hands path and digest over as words, never as shell', async () => {
    const node = new FakeNode()
    node.answer = (argv) => (argv[0] === 'sha256sum' ? { code: 1 } : undefined)
    await deliverExecutable(node.connect(), plain, () => {}, signal)
    const call = node.executed.at(-1)
    expect(call?.argv.slice(0, 2)).toEqual(['sh', '-c'])
    expect(call?.argv[2]).not.toContain(NODE_PATHS.executable)
    expect(call?.argv.slice(3)).toEqual(['sh', NODE_PATHS.executable, plain.sha256, String(bytes.length)])
    expect(call?.input?.equals(bytes)).toBe(true)
  })
})

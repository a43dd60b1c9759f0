import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { zstdDecompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readLock } from '../../../bundles/build/lock.ts'
import { inspectBundle } from '../../../bundles/format/inspect.ts'
import { ANNOTATIONS, OciIndex, OciManifest } from '../../../bundles/format/manifest.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { artifactBlobs, jsonReader, readArtifactManifest } from '../../../bundles/format/read-artifact.ts'
import { verifyBundle } from '../../../bundles/format/verify.ts'
import { buildIn, specOf } from './build-in.ts'
import { DOCKER, type FakeRegistry, OCI, putImage, putMultiPlatformImage, startFakeRegistry } from './fake-registry.ts'
import { temporaryFolder } from './temporary-folder.ts'

let registry: FakeRegistry

beforeEach(async () => {
  registry = await startFakeRegistry()
})

afterEach(() => registry.close())

const mirrored = () => ({ mirrors: { 'docker.io': registry.host } })
const refusal = (facts: object) => expect.objectContaining({ facts: expect.objectContaining(facts) })

describe('building images', () => {
  it('carries an image as its registry has it, and what images share once', async () => {
    const base = 'shared '.repeat(1000)
    const one = putImage(registry, [base, 'one'])
    registry.tag('library/one', '1', one)
    registry.tag('library/two', '2', putImage(registry, [base, 'two']))
    const folder = temporaryFolder()
    const spec = specOf({ one: 'docker.io/library/one:1', two: 'docker.io/library/two:2' })
    const result = await buildIn(folder, { spec, origins: mirrored() })
    const bundle = await openBundle(result.path)
    const inspected = await inspectBundle(bundle)
    await verifyBundle(bundle)
    await bundle.close()
    expect(inspected.artifacts[0]).toMatchObject({
      name: 'docker.io/library/one:1',
      platform: 'linux/amd64',
      digest: one.digest,
      unpackedBytes: 7003,
    })
    expect(inspected.shared).toHaveLength(1)
    expect(inspected.profiles).toEqual(['one', 'two'])
    // A configuration each, the layer that they share, and one layer each.
    expect(registry.requests.filter((path) => path.includes('/blobs/'))).toHaveLength(5)
  })

  it('chooses the platform of an index without changing its manifest', async () => {
    const index = putMultiPlatformImage(registry, ['amd64', 'arm64'])
    registry.tag('library/x', '1', index)
    const { manifests } = OciIndex.parse(JSON.parse(String(registry.blobs.get(index.digest))))
    const spec = specOf({ x: 'docker.io/library/x:1' })
    const { manifest } = await buildIn(temporaryFolder(), { spec, platforms: ['linux/arm64'], origins: mirrored() })
    expect(manifest.artifacts[0]?.descriptor.digest).toBe(manifests[1]?.digest)
    expect(manifest.artifacts[0]?.platform).toEqual({ architecture: 'arm64', os: 'linux' })
  })

  it.each([
    ['in OCI form', OCI],
    ['in Docker’s form', DOCKER],
  ])(
    'compresses the layers of an image %s with zstd when asked to, and leaves its configuration',
    async (_what, types) => {
      const image = putImage(registry, ['layer '.repeat(1000)], { types })
      registry.tag('library/x', '1', image)
      const folder = temporaryFolder()
      const spec = specOf({ x: 'docker.io/library/x:1' })
      const layers = 'zstd' as const
      const { path, lock } = await buildIn(folder, { spec, layers, origins: mirrored() })
      const bundle = await openBundle(path)
      const [artifact] = bundle.manifest.artifacts
      if (artifact === undefined) throw new Error('no artifact')
      await verifyBundle(bundle)
      const upstream = OciManifest.parse(JSON.parse(String(registry.blobs.get(image.digest))))
      const carried = await readArtifactManifest(bundle, artifact)
      const [layer] = carried.layers
      expect(carried.config.digest).toBe(upstream.config.digest)
      expect(layer?.mediaType).toBe('application/vnd.oci.image.layer.v1.tar+zstd')
      const plain = zstdDecompressSync(await buffer(bundle.read(layer?.digest ?? 'sha256:')))
      expect(plain.toString()).toBe('layer '.repeat(1000))
      expect(layer?.annotations).toEqual({
        [ANNOTATIONS.uncompressedDigest]: `sha256:${createHash('sha256').update(plain).digest('hex')}`,
        [ANNOTATIONS.uncompressedBytes]: String(plain.length),
      })
      expect(bundle.extents.has(upstream.layers[0]?.digest ?? 'sha256:')).toBe(false)
      await bundle.close()
      // The lock says so too, and the cache may have lost what was made.
      const again = await buildIn(folder, { spec, origins: mirrored(), options: { lock } })
      rmSync(join(folder, 'cache'), { recursive: true })
      const anew = await buildIn(folder, { spec, origins: mirrored(), options: { lock } })
      expect([again.manifest.digest, anew.manifest.digest]).toEqual([lock.bundle, lock.bundle])
    },
  )

  it('compresses each platform’s layers, under an index of what is carried', async () => {
    registry.tag('library/x', '1', putMultiPlatformImage(registry, ['amd64', 'arm64']))
    const spec = specOf({ x: 'docker.io/library/x:1' })
    const platforms = ['linux/amd64', 'linux/arm64']
    const { path } = await buildIn(temporaryFolder(), { spec, platforms, layers: 'zstd', origins: mirrored() })
    const bundle = await openBundle(path)
    await verifyBundle(bundle)
    const [artifact] = bundle.manifest.artifacts
    if (artifact === undefined) throw new Error('no artifact')
    for (const architecture of ['amd64', 'arm64']) {
      const manifest = await readArtifactManifest(bundle, artifact, { os: 'linux', architecture })
      expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual(['application/vnd.oci.image.layer.v1.tar+zstd'])
    }
    await bundle.close()
  })

  it('carries several platforms under a pruned index, and no blobs of others', async () => {
    registry.tag('library/x', '1', putMultiPlatformImage(registry, ['amd64', 's390x', 'arm64']))
    const spec = specOf({ x: 'docker.io/library/x:1' })
    const result = await buildIn(temporaryFolder(), {
      spec,
      platforms: ['linux/amd64', 'linux/arm64'],
      origins: mirrored(),
    })
    const bundle = await openBundle(result.path)
    const [artifact] = bundle.manifest.artifacts
    if (artifact === undefined) throw new Error('no artifact')
    const manifest = await readArtifactManifest(bundle, artifact, { os: 'linux', architecture: 'arm64', variant: 'v8' })
    await verifyBundle(bundle)
    expect(artifact.platform).toBeUndefined()
    expect(manifest.layers).toHaveLength(1)
    // Index, and manifest, configuration and layer of each platform.
    expect(await artifactBlobs(artifact, jsonReader(bundle))).toHaveLength(7)
    await expect(readArtifactManifest(bundle, artifact, { os: 'linux', architecture: 's390x' })).rejects.toThrow(
      /does not carry it/,
    )
    await bundle.close()
  })

  it("keeps Docker's form of an image and names its OCI form in index.json", async () => {
    const image = putImage(registry, ['layer'], { types: DOCKER })
    registry.tag('library/x', '1', image)
    const result = await buildIn(temporaryFolder(), {
      spec: specOf({ x: 'docker.io/library/x:1' }),
      origins: mirrored(),
    })
    const bundle = await openBundle(result.path)
    await verifyBundle(bundle)
    const index = OciIndex.parse(
      JSON.parse(
        await textOf(
          bundle.readRange(bundle.heads[1].offsetBytes, bundle.heads[1].offsetBytes + bundle.heads[1].sizeBytes),
        ),
      ),
    )
    const named = index.manifests.find(
      ({ annotations }) => annotations?.[ANNOTATIONS.refName] === 'docker.io/library/x:1',
    )
    expect(bundle.manifest.artifacts[0]?.descriptor).toMatchObject({ digest: image.digest, mediaType: DOCKER.manifest })
    expect(named?.mediaType).toBe(OCI.manifest)
    if (named === undefined) throw new Error('not named')
    const formed = JSON.parse(await textOf(bundle.read(named.digest)))
    expect([formed.mediaType, formed.config.mediaType, formed.layers[0].mediaType]).toEqual([
      OCI.manifest,
      OCI.config,
      OCI.layer,
    ])
    await bundle.close()
  })

  it('names the platforms that an image has', async () => {
    registry.tag('library/x', '1', putMultiPlatformImage(registry, ['amd64']))
    registry.tag('library/y', '1', putImage(registry, ['y']))
    for (const image of ['x', 'y']) {
      const spec = specOf({ image: `docker.io/library/${image}:1` })
      const build = buildIn(temporaryFolder(), { spec, platforms: ['linux/arm64'], origins: mirrored() })
      await expect(build).rejects.toThrow(
        refusal({ code: 'platform-missing', found: 'linux/amd64', needed: 'linux/arm64' }),
      )
    }
  })

  it('names every image that a platform lacks, before anything is fetched, and the profiles that do without', async () => {
    registry.tag('library/x', '1', putMultiPlatformImage(registry, ['amd64']))
    registry.tag('library/y', '1', putImage(registry, ['y']))
    registry.tag('library/z', '1', putMultiPlatformImage(registry, ['amd64', 'arm64']))
    const spec = specOf({ x: 'docker.io/library/x:1', y: 'docker.io/library/y:1', z: 'docker.io/library/z:1' })
    const folder = temporaryFolder()
    const layers = () => registry.requests.filter((path) => path.includes('/blobs/'))
    await expect(buildIn(folder, { spec, platforms: ['linux/arm64'], origins: mirrored() })).rejects.toThrow(
      refusal({
        code: 'platform-missing',
        message: expect.stringMatching(/library\/x:1, docker.io\/library\/y:1$/),
        found: 'docker.io/library/x:1: linux/amd64; docker.io/library/y:1: linux/amd64',
        needed: 'linux/arm64',
        next: expect.stringMatching(/--profile z$/),
      }),
    )
    // The configuration of y says what it is for.
    expect(layers()).toHaveLength(1)
    expect(readdirSync(folder)).toEqual(['cache'])
  })

  it('names the images of the chosen profiles only', async () => {
    registry.tag('library/x', '1', putMultiPlatformImage(registry, ['amd64']))
    registry.tag('library/z', '1', putMultiPlatformImage(registry, ['amd64', 'arm64']))
    const spec = specOf({ x: 'docker.io/library/x:1', z: 'docker.io/library/z:1' })
    const wanted = { spec, profiles: ['z'], platforms: ['linux/arm64'], origins: mirrored() }
    await expect(buildIn(temporaryFolder(), wanted)).resolves.toBeDefined()
  })

  it('refuses layers that may not be distributed', async () => {
    const config = registry.put(OCI.config, { architecture: 'amd64', os: 'linux' })
    const foreign = {
      ...registry.put('x', Buffer.from('x')),
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    }
    registry.tag('library/x', '1', registry.put(OCI.manifest, { schemaVersion: 2, config, layers: [foreign] }))
    const build = buildIn(temporaryFolder(), { spec: specOf({ x: 'docker.io/library/x:1' }), origins: mirrored() })
    await expect(build).rejects.toThrow(refusal({ code: 'layer-foreign', kind: 'usage' }))
  })
})

describe('faults of a registry', () => {
  const spec = specOf({ x: 'docker.io/library/x:1' })

  it('says which image a registry lacks, and leaves no file', async () => {
    const folder = temporaryFolder()
    await expect(buildIn(folder, { spec, origins: mirrored() })).rejects.toThrow(
      refusal({ code: 'image-not-found', kind: 'usage' }),
    )
    expect(readdirSync(folder)).toEqual(['cache'])
  })

  it('refuses content with another digest', async () => {
    const image = putImage(registry, ['layer'])
    registry.tag('library/x', '1', image)
    const { layers } = JSON.parse(String(registry.blobs.get(image.digest)))
    registry.blobs.set(layers[0].digest, Buffer.alloc(layers[0].size, 1))
    const folder = temporaryFolder()
    await expect(buildIn(folder, { spec, origins: mirrored() })).rejects.toThrow(
      refusal({ code: 'digest-mismatch', kind: 'bundle', needed: layers[0].digest }),
    )
    expect(existsSync(join(folder, 'bundle.tar'))).toBe(false)
  })

  it('goes on within a blob when the registry breaks off, and after a run that failed', async () => {
    const image = putImage(registry, [Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * 7919) % 251))])
    registry.tag('library/x', '1', image)
    const layer = JSON.parse(String(registry.blobs.get(image.digest))).layers[0]
    const bytes = registry.blobs.get(layer.digest) ?? Buffer.alloc(0)
    let cuts = 0
    registry.intercept = (request, response) => {
      if (!request.url?.endsWith(layer.digest) || cuts > 3) return false
      cuts += 1
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0)
      response.writeHead(start === 0 ? 200 : 206, { 'content-length': bytes.length - start })
      response.write(bytes.subarray(start, start + 100), () => setTimeout(() => response.destroy(), 20))
      return true
    }
    const folder = temporaryFolder()
    // Three tries a run, each cut after 100 bytes.
    await expect(buildIn(folder, { spec, origins: mirrored() })).rejects.toThrow(
      refusal({ code: 'transfer-broken', kind: 'host' }),
    )
    await buildIn(folder, { spec, origins: mirrored() })
    const ranges = registry.requests.filter((path) => path.includes(layer.digest)).map((path) => path.split(' ')[1])
    expect(ranges).toEqual([undefined, 'bytes=100-', 'bytes=200-', 'bytes=300-', 'bytes=400-'])
  })

  it('begins again where a registry ignores the range', async () => {
    const image = putImage(registry, ['layer '.repeat(100)])
    registry.tag('library/x', '1', image)
    const layer = JSON.parse(String(registry.blobs.get(image.digest))).layers[0]
    const bytes = registry.blobs.get(layer.digest) ?? Buffer.alloc(0)
    let first = true
    registry.intercept = (request, response) => {
      if (!request.url?.endsWith(layer.digest)) return false
      response.writeHead(200, { 'content-length': bytes.length })
      if (first) response.write(bytes.subarray(0, 10), () => setTimeout(() => response.destroy(), 20))
      else response.end(bytes)
      first = false
      return true
    }
    await expect(buildIn(temporaryFolder(), { spec, origins: mirrored() })).resolves.toBeDefined()
  })

  it('tries again after 503 and 429', async () => {
    registry.tag('library/x', '1', putImage(registry, ['layer']))
    const answers = [503, 429]
    registry.intercept = (_request, response) => {
      const status = answers.shift()
      if (status === undefined) return false
      response.writeHead(status).end()
      return true
    }
    await expect(buildIn(temporaryFolder(), { spec, origins: mirrored() })).resolves.toBeDefined()
  })

  it('gets a token where one is asked for, and keeps it from other servers', async () => {
    const image = putImage(registry, ['layer'])
    registry.tag('library/x', '1', image)
    const storage = await startFakeRegistry()
    const seen: (string | undefined)[] = []
    storage.intercept = (request, response) => {
      seen.push(request.headers.authorization)
      response.end(registry.blobs.get(request.url?.slice(1) as 'sha256:'))
      return true
    }
    registry.intercept = (request, response) => {
      if (request.url?.startsWith('/token')) {
        expect(request.url).toBe('/token?service=reg&scope=repository%3Alibrary%2Fx%3Apull')
        expect(request.headers.authorization).toBe('Basic dXNlcjpwYXNz')
        response.end(JSON.stringify({ token: 'secret' }))
      } else if (request.headers.authorization !== 'Bearer secret') {
        response
          .writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token",service="reg"` })
          .end()
      } else if (request.url?.includes('/blobs/')) {
        response.writeHead(307, { location: `http://${storage.host}/${request.url.split('/').at(-1)}` }).end()
      } else return false
      return true
    }
    await buildIn(temporaryFolder(), { spec, origins: mirrored(), options: { credentialsOf: () => 'dXNlcjpwYXNz' } })
    await storage.close()
    expect(seen).toEqual([undefined, undefined])
  })

  it('says how to log in where a registry refuses', async () => {
    registry.intercept = (_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      return true
    }
    const next = expect.stringContaining(`docker login ${registry.host}`)
    await expect(buildIn(temporaryFolder(), { spec, origins: mirrored() })).rejects.toThrow(
      refusal({ code: 'registry-unauthorised', kind: 'host', next }),
    )
  })
})

describe('the lock', () => {
  it('gives the same bundle, byte for byte, when names mean something else by then', async () => {
    registry.tag('library/x', '1', putMultiPlatformImage(registry, ['amd64', 'arm64']))
    const [folder, other] = [temporaryFolder(), temporaryFolder()]
    const spec = specOf({ x: 'docker.io/library/x:1' }, 'files: [{ name: data, paths: [sub] }]')
    for (const place of [folder, other]) writeDataFile(place)
    const wanted = { spec, platforms: ['linux/amd64', 'linux/arm64'], origins: mirrored() }
    const lockPath = join(folder, 'lock.json')
    await buildIn(folder, { ...wanted, options: { lockPath } })
    registry.tag('library/x', '1', putImage(registry, ['another']))
    await buildIn(other, { ...wanted, options: { lock: await readLock(lockPath) } })
    expect(hashOf(join(other, 'bundle.tar'))).toBe(hashOf(join(folder, 'bundle.tar')))
  })

  it('refuses a file that has changed since', async () => {
    const folder = temporaryFolder()
    writeDataFile(folder)
    const spec = specOf({}, 'files: [{ name: data, paths: [sub] }]')
    const lockPath = join(folder, 'lock.json')
    await buildIn(folder, { spec, options: { lockPath } })
    writeFileSync(join(folder, 'sub', 'a.txt'), 'changed')
    rmSync(join(folder, 'cache'), { recursive: true })
    const again = buildIn(folder, { spec, options: { lock: await readLock(lockPath) } })
    await expect(again).rejects.toThrow(refusal({ code: 'lock-differs' }))
  })

  it('says that a file is no lock', async () => {
    const path = join(temporaryFolder(), 'lock.json')
    writeFileSync(path, '{}')
    await expect(readLock(path)).rejects.toThrow(refusal({ code: 'lock-invalid', kind: 'usage' }))
  })
})

function writeDataFile(folder: string): void {
  mkdirSync(join(folder, 'sub'))
  writeFileSync(join(folder, 'sub', 'a.txt'), 'content')
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib'
import { create } from 'tar'
import { describe, expect, it } from 'vitest'
import { ANNOTATIONS } from '../../../bundles/format/manifest.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { readArtifactManifest, titledLayers } from '../../../bundles/format/read-artifact.ts'
import { BLOCK_BYTES, decodeHeader } from '../../../bundles/format/tar-header.ts'
import { verifyBundle } from '../../../bundles/format/verify.ts'
import { buildIn, specOf } from './build-in.ts'
import { temporaryFolder } from './temporary-folder.ts'

const NAME = 'docker.io/library/app:1'
const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex')

/** A `docker save` archive of two layers, the second a link to the first, as older versions write shared layers. */
async function dockerArchive(folder: string): Promise<string> {
  const layer = Buffer.from('layer content '.repeat(1000))
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`, `sha256:${sha256(layer)}`] },
  })
  const source = join(folder, 'saved')
  for (const name of ['one', 'two']) mkdirSync(join(source, name), { recursive: true })
  writeFileSync(join(source, 'one', 'layer.tar'), layer)
  symlinkSync('../one/layer.tar', join(source, 'two', 'layer.tar'))
  writeFileSync(join(source, 'config.json'), config)
  const manifest = [{ Config: 'config.json', RepoTags: ['app:1'], Layers: ['one/layer.tar', 'two/layer.tar'] }]
  writeFileSync(join(source, 'manifest.json'), JSON.stringify(manifest))
  const path = join(folder, 'saved.tar')
  await create({ file: path, cwd: source }, readdirSync(source))
  return path
}

function ociLayout(folder: string): string {
  const path = join(folder, 'layout')
  mkdirSync(join(path, 'blobs', 'sha256'), { recursive: true })
  const put = (mediaType: string, bytes: Buffer) => {
    writeFileSync(join(path, 'blobs', 'sha256', sha256(bytes)), bytes)
    return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length }
  }
  const config = put(
    'application/vnd.oci.image.config.v1+json',
    Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux' })),
  )
  const layer = put('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync('content'))
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = put(mediaType, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [layer] })))
  const named = { ...manifest, annotations: { [ANNOTATIONS.refName]: '1' } }
  writeFileSync(join(path, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }))
  return path
}

describe('images from files', () => {
  it('takes an image of a docker save archive, its configuration as it is', async () => {
    const folder = temporaryFolder()
    const archive = await dockerArchive(folder)
    const { path } = await buildIn(folder, { spec: specOf({ app: NAME }), origins: { images: { [NAME]: archive } } })
    const bundle = await openBundle(path)
    const [artifact] = bundle.manifest.artifacts
    if (artifact === undefined) throw new Error('no artifact')
    const manifest = await readArtifactManifest(bundle, artifact)
    const content = gunzipSync(await buffer(bundle.read(manifest.layers[0]?.digest ?? 'sha256:')))
    await verifyBundle(bundle)
    await bundle.close()
    expect(manifest.layers.map(({ digest }) => digest)).toEqual([
      manifest.layers[0]?.digest,
      manifest.layers[0]?.digest,
    ])
    expect(content.toString()).toMatch(/^layer content /)
    expect(artifact.unpackedBytes).toBe(14_000)
  })

  it('takes an image of an OCI layout, folder or tar, unchanged', async () => {
    const folder = temporaryFolder()
    const layout = ociLayout(folder)
    await create({ file: join(folder, 'layout.tar'), cwd: layout }, readdirSync(layout))
    const digests: (string | undefined)[] = []
    for (const from of [layout, join(folder, 'layout.tar')]) {
      const { manifest } = await buildIn(folder, { spec: specOf({ app: NAME }), origins: { images: { [NAME]: from } } })
      digests.push(manifest.artifacts[0]?.descriptor.digest)
    }
    expect(digests[0]).toBe(digests[1])
  })

  it('says what is wrong with a file that has no such image', async () => {
    const folder = temporaryFolder()
    const archive = await dockerArchive(folder)
    const other = 'docker.io/library/other:1'
    const build = (from: string) => buildIn(folder, { spec: specOf({ other }), origins: { images: { [other]: from } } })
    await expect(build(archive)).rejects.toThrow(refusal('local-image-invalid', /app:1/))
    await expect(build('/etc/passwd')).rejects.toThrow(refusal('local-image-invalid', /something else/))
    await expect(build('/nonexistent')).rejects.toThrow(refusal('local-image-invalid', /no such file/))
  })
})

describe('files and executables', () => {
  it('carries files under their paths, and executables packed', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'config'))
    writeFileSync(join(folder, 'config', 'b.json'), '{}')
    writeFileSync(join(folder, 'a.yaml'), 'a: 1')
    mkdirSync(join(folder, 'dist'))
    const program = 'program '.repeat(10_000)
    writeFileSync(join(folder, 'dist', 'mojabox'), program)
    const spec = specOf({}, 'files: [{ name: data, paths: [config/, a.yaml] }]')
    const { path } = await buildIn(folder, { spec, origins: { withoutExecutables: false } })
    const bundle = await openBundle(path)
    const [files, executable] = bundle.manifest.artifacts
    if (files === undefined || executable === undefined) throw new Error('no artifacts')
    const titled = titledLayers(await readArtifactManifest(bundle, files))
    const [layer] = (await readArtifactManifest(bundle, executable)).layers
    expect([...titled.keys()]).toEqual(['a.yaml', 'config/b.json'])
    expect(executable).toMatchObject({
      kind: 'executable',
      platform: { os: 'linux', architecture: 'amd64' },
      unpackedBytes: program.length,
    })
    expect(layer?.annotations?.[ANNOTATIONS.uncompressedDigest]).toBe(`sha256:${sha256(program)}`)
    const tar = zstdDecompressSync(await buffer(bundle.read(layer?.digest ?? 'sha256:')))
    expect(decodeHeader(tar.subarray(0, BLOCK_BYTES))).toMatchObject({ path: 'mojabox', size: program.length })
    expect(tar.toString('latin1', BLOCK_BYTES, BLOCK_BYTES + program.length)).toBe(program)
    expect(tar.length % BLOCK_BYTES).toBe(0)
    await verifyBundle(bundle)
    await bundle.close()
  })

  it('carries YAML that mojabox reads as JSON, under its name, and refuses what is none', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'services'))
    const yaml = 'x-common: &common { cpus: 2 }\nledger: { <<: *common, memoryBytes: 1 }\n'
    writeFileSync(join(folder, 'services', 'ledger.yaml'), yaml)
    writeFileSync(join(folder, 'mounted.yaml'), 'as: it is\n')
    const files = 'files: [{ name: data, paths: [services, mounted.yaml], asJson: [./services/] }]'
    const spec = specOf({}, files)
    const origins = {}
    const { path, lock } = await buildIn(folder, { spec, origins })
    const bundle = await openBundle(path)
    const artifact = bundle.manifest.artifacts.find(({ kind }) => kind === 'files')
    if (artifact === undefined) throw new Error('no files')
    const titled = titledLayers(await readArtifactManifest(bundle, artifact))
    const textOf = async (name: string) => (await buffer(bundle.read(titled.get(name)?.digest ?? 'sha256:'))).toString()
    const carried = await textOf('services/ledger.yaml')
    expect(JSON.parse(carried)).toMatchObject({ ledger: { cpus: 2, memoryBytes: 1 } })
    expect(await textOf('mounted.yaml')).toBe('as: it is\n')
    await bundle.close()

    const again = await buildIn(folder, { spec, origins, options: { lock } })
    expect(again.manifest.digest).toBe(bundle.manifest.digest)
    writeFileSync(join(folder, 'services', 'ledger.yaml'), yaml.replace('1', '2'))
    await expect(buildIn(folder, { spec, origins, options: { lock } })).rejects.toEqual(
      refusal('lock-differs', /other content/),
    )
    await expect(buildIn(folder, { spec: spec.replace('./services/', 'service'), origins })).rejects.toEqual(
      refusal('file-not-found', /no such file/),
    )
    writeFileSync(join(folder, 'services', 'ledger.yaml'), 'ledger: [')
    await expect(buildIn(folder, { spec, origins })).rejects.toEqual(refusal('yaml-invalid', /line 1/))
  })

  it('carries the testing toolkit’s files, and of their folder nothing else', async () => {
    const folder = temporaryFolder()
    const testFiles = join(folder, 'cases')
    const build = (): ReturnType<typeof buildIn> => buildIn(folder, { spec: specOf({}), origins: { testFiles } })
    mkdirSync(join(testFiles, '.git'), { recursive: true })
    writeFileSync(join(testFiles, '.git', 'HEAD'), '')
    await expect(build()).rejects.toThrow(refusal('test-files-missing', /collections/))
    mkdirSync(join(testFiles, 'collections', 'tests'), { recursive: true })
    writeFileSync(join(testFiles, 'collections', 'tests', 'p2p.json'), '{}')
    writeFileSync(join(testFiles, 'package.json'), '{}')
    const bundle = await openBundle((await build()).path)
    const files = bundle.manifest.artifacts.find(({ name }) => name === 'test-files')
    if (files === undefined) throw new Error('no artifact')
    expect([...titledLayers(await readArtifactManifest(bundle, files)).keys()]).toEqual(['collections/tests/p2p.json'])
    await bundle.close()
  })

  it('carries no file that names an image which the spec does not list: file and line are told', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'services'))
    const compose = 'services:\n  cache:\n    image: docker.io/library/redis:8.0\n'
    writeFileSync(join(folder, 'services', 'a.yaml'), compose)
    writeFileSync(
      join(folder, 'services', 'b.yml'),
      'x:\n  other: 1\ny: { compose: { image: docker.io/library/y:1 } }\n',
    )
    writeFileSync(join(folder, 'services', 'notes.json'), '{"image": "docker.io/library/z:1"}')
    const spec = specOf({}, 'files: [{ name: data, paths: [services] }]')
    const error = await buildIn(folder, { spec }).catch((thrown) => thrown)
    expect(error.facts).toMatchObject({ code: 'image-not-listed', kind: 'usage' })
    expect(error.facts.found).toBe(
      'services/a.yaml:3 names docker.io/library/redis:8.0; services/b.yml:3 names docker.io/library/y:1',
    )
    expect(error.facts.next).toContain('redis: docker.io/library/redis:8.0')
  })

  it('says which file or executable is missing, and what to do', async () => {
    const folder = temporaryFolder()
    const spec = specOf({}, 'files: [{ name: data, paths: [gone.yaml] }]')
    await expect(buildIn(folder, { spec })).rejects.toThrow(refusal('file-not-found', /no such file/))
    const build = buildIn(folder, { spec: specOf({}), origins: { withoutExecutables: false } })
    await expect(build).rejects.toThrow(refusal('executable-not-found', /dist\/mojabox/))
  })
})

describe('where a bundle is written', () => {
  it('refuses a folder that is not there before anything is fetched', async () => {
    const folder = temporaryFolder()
    const outputPath = join(folder, 'gone', 'bundle.tar')
    await expect(buildIn(folder, { spec: specOf({}), options: { outputPath } })).rejects.toThrow(
      refusal('cannot-write', /gone/),
    )
  })

  it('leaves nothing half written when it is interrupted', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'a.bin'), Buffer.alloc(5_000_000))
    const controller = new AbortController()
    const onProgress = ({ stage }: { stage: string }): void => {
      if (stage === 'write') controller.abort()
    }
    const spec = specOf({}, 'files: [{ name: data, paths: [a.bin] }]')
    await expect(buildIn(folder, { spec, options: { signal: controller.signal, onProgress } })).rejects.toThrow()
    expect(existsSync(join(folder, 'bundle.tar'))).toBe(false)
    expect(existsSync(join(folder, 'bundle.tar.partial'))).toBe(false)
  })
})

function refusal(code: string, found: RegExp) {
  return expect.objectContaining({
    facts: expect.objectContaining({ code, kind: 'usage', found: expect.stringMatching(found) }),
  })
}

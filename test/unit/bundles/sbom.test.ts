import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ErrorFacts, factsOf } from '../../../bundles/format/error.ts'
import { imageManifests } from '../../../bundles/format/image-manifests.ts'
import { inspectBundle } from '../../../bundles/format/inspect.ts'
import { OciIndex, OciManifest } from '../../../bundles/format/manifest.ts'
import { type OpenBundle, openBundle } from '../../../bundles/format/open.ts'
import { jsonReader } from '../../../bundles/format/read-artifact.ts'
import { readImageSboms, readSbom } from '../../../bundles/format/read-sbom.ts'
import { verifyBundle } from '../../../bundles/format/verify.ts'
import { VERSION } from '../../../bundles/format/version.ts'
import { run } from '../../../installer/cli/program.ts'
import { FakeIo } from '../render/fake-io.ts'
import { type BuildIn, buildIn, specOf } from './build-in.ts'
import { DOCKER, type FakeRegistry, OCI, putImage, putMultiPlatformImage, startFakeRegistry } from './fake-registry.ts'
import { deb, layerTar, npm } from './layer-tar.ts'
import { temporaryFolder } from './temporary-folder.ts'

let registry: FakeRegistry
const opened: OpenBundle[] = []

beforeEach(async () => {
  registry = await startFakeRegistry()
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((bundle) => bundle.close()))
  await registry.close()
})

const BASE = layerTar({
  'etc/os-release': 'ID=debian\nVERSION_ID="12"\n',
  'var/lib/dpkg/status': deb('libc6', '2.36-9', 'Source: glibc\n'),
  'opt/app/node_modules/old/package.json': npm('old', '1.0.0'),
})
const TOP = layerTar({
  'opt/app/.wh.node_modules': '',
  'srv/node_modules/@mojaloop/new/package.json': npm('@mojaloop/new', '2.0.0'),
})
const NAME = 'docker.io/library/app:1'
const SPEC = specOf({ app: NAME, other: 'docker.io/library/other:1' })

/** Two images that share a layer, the first of which in Docker's form. */
function putImages(): void {
  registry.tag('library/app', '1', putImage(registry, [BASE, TOP], { types: DOCKER }))
  registry.tag('library/other', '1', putImage(registry, [BASE]))
}

async function build(folder: string, name: string, wanted: Partial<BuildIn> = {}) {
  const origins = { mirrors: { 'docker.io': registry.host }, ...wanted.origins }
  const result = await buildIn(folder, { spec: SPEC, ...wanted, origins })
  const path = join(folder, name)
  renameSync(result.path, path)
  return { ...result, path }
}

async function open(path: string): Promise<OpenBundle> {
  const bundle = await openBundle(path)
  opened.push(bundle)
  return bundle
}

async function failure(task: Promise<unknown>): Promise<ErrorFacts | undefined> {
  return task.then(
    () => undefined,
    (error: unknown) => factsOf(error),
  )
}

async function purlsIn(bundle: OpenBundle): Promise<Record<string, string[]>> {
  const { bom } = await readSbom(bundle)
  const entries = bom.components.map(({ name, components = [] }) => [name, components.flatMap(({ purl = [] }) => purl)])
  return Object.fromEntries(entries)
}

const PURLS = {
  [NAME]: ['pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc', 'pkg:npm/%40mojaloop/new@2.0.0'],
  'docker.io/library/other:1': [
    'pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc',
    'pkg:npm/old@1.0.0',
  ],
}

describe('the SBOM of a bundle', () => {
  it('lists each image with its digest, platform, system and packages', async () => {
    putImages()
    const bundle = await open((await build(temporaryFolder(), 'a.tar')).path)
    const { bom } = await readSbom(bundle)
    const [image] = bom.components
    const { digest } = bundle.manifest.artifacts[0]?.descriptor ?? {}
    expect(await purlsIn(bundle)).toEqual(PURLS)
    expect(bom.metadata.component).toMatchObject({ name: 'test', version: '1.0.0' })
    expect(image).toMatchObject({
      type: 'container',
      name: NAME,
      version: digest,
      purl: `pkg:oci/app@${digest}?arch=amd64&repository_url=docker.io/library/app&tag=1`,
      properties: [{ name: 'mojabox:platform', value: 'linux/amd64' }],
    })
    expect(image?.components?.[0]).toEqual({ type: 'operating-system', name: 'debian', version: '12' })
    await verifyBundle(bundle)
    expect((await inspectBundle(bundle)).artifacts.at(-1)).toMatchObject({ kind: 'sbom', unpackedBytes: 0 })
  })

  it('lists the same whatever the layers are compressed with', async () => {
    putImages()
    const zstd = await open((await build(temporaryFolder(), 'a.tar', { layers: 'zstd' })).path)
    expect(await purlsIn(zstd)).toEqual(PURLS)
    const layer = registry.put('application/vnd.oci.image.layer.v1.tar', BASE)
    const config = registry.put(OCI.config, { architecture: 'amd64', os: 'linux' })
    registry.tag('library/app', '1', registry.put(OCI.manifest, { schemaVersion: 2, config, layers: [layer] }))
    const plain = await open((await build(temporaryFolder(), 'b.tar')).path)
    expect((await purlsIn(plain))[NAME]).toEqual(PURLS['docker.io/library/other:1'])
  })

  it('lists executables with their version', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'mojabox'), 'a program')
    const executables = { 'linux/amd64': join(folder, 'mojabox') }
    const origins = { withoutExecutables: false, executables }
    const bundle = await open((await build(folder, 'a.tar', { spec: specOf({}), origins })).path)
    const { bom } = await readSbom(bundle)
    expect(bom.components).toMatchObject([{ type: 'application', name: 'mojabox', version: VERSION }])
  })

  it('is the same of the same lock, also without what is known of layers, and has no time of day', async () => {
    putImages()
    const folder = temporaryFolder()
    const { path, lock } = await build(folder, 'a.tar')
    const facts = join(folder, 'cache', 'facts')
    expect(readdirSync(facts).filter((name) => name.endsWith('.packages-1'))).toHaveLength(2)
    rmSync(facts, { recursive: true })
    const again = await build(folder, 'b.tar', { options: { lock } })
    const elsewhere = await build(temporaryFolder(), 'c.tar', { options: { lock } })
    for (const other of [again, elsewhere]) expect(readFileSync(other.path).equals(readFileSync(path))).toBe(true)
    expect((await readSbom(await open(path))).text).not.toMatch(/\d\d:\d\d:\d\d/)
  })

  it('does not read a layer again that it knows', async () => {
    putImages()
    const folder = temporaryFolder()
    await build(folder, 'a.tar')
    const facts = join(folder, 'cache', 'facts')
    const known = JSON.stringify({ files: {}, removed: [], emptied: [], unread: {} })
    for (const name of readdirSync(facts)) if (name.endsWith('.packages-1')) writeFileSync(join(facts, name), known)
    expect((await purlsIn(await open((await build(folder, 'b.tar')).path)))[NAME]).toEqual([])
  })

  it('is left out where the lock is of before there was one', async () => {
    putImages()
    const folder = temporaryFolder()
    const { lock } = await build(folder, 'a.tar')
    const { sbom: _, ...earlier } = lock
    const differs = await failure(build(folder, 'b.tar', { options: { lock: earlier } }))
    const bundle = (differs?.found ?? '') as typeof lock.bundle
    const { path } = await build(folder, 'b.tar', { options: { lock: { ...earlier, bundle } } })
    expect((await failure(readSbom(await open(path))))?.code).toBe('sbom-missing')
  })

  it('is a set of files to versions of mojabox that do not know it', async () => {
    putImages()
    const bundle = await open((await build(temporaryFolder(), 'a.tar')).path)
    const { digest } = bundle.manifest
    const size = bundle.extents.get(digest)?.sizeBytes ?? 0
    const listed = OciIndex.parse(await jsonReader(bundle)({ mediaType: '', digest, size }))
    const kinds = listed.manifests.map(({ annotations }) => annotations?.['org.mojabox.kind'])
    expect(kinds).toEqual(['image', 'image', 'files'])
  })

  it('is whole in a delta, even where the base has the same', async () => {
    putImages()
    const folder = temporaryFolder()
    const base = await open((await build(folder, 'a.tar')).path)
    const delta = await open((await build(folder, 'b.tar', { options: { base } })).path)
    await verifyBundle(delta)
    expect(delta.manifest.base).toBe(base.manifest.digest)
    expect((await readSbom(delta)).text).toBe((await readSbom(base)).text)
  })
})

describe('referrers', () => {
  async function documentsIn(bundle: OpenBundle): Promise<OciManifest[]> {
    const read = jsonReader(bundle)
    const sbom = bundle.manifest.artifacts.find(({ kind }) => kind === 'sbom')
    if (sbom === undefined) throw new Error('no SBOM')
    const { manifests } = OciIndex.parse(await read(sbom.descriptor))
    return Promise.all(manifests.map(async (entry) => OciManifest.parse(await read(entry))))
  }

  async function subjectsIn(bundle: OpenBundle) {
    return (await documentsIn(bundle)).map(({ subject }) => subject?.digest)
  }

  it('name an image’s manifest as their subject: as its registry has it, and in OCI form', async () => {
    putImages()
    const bundle = await open((await build(temporaryFolder(), 'a.tar')).path)
    const [app, other] = bundle.manifest.artifacts
    const found = await documentsIn(bundle)
    expect(await subjectsIn(bundle)).toEqual([
      undefined,
      app?.descriptor.digest,
      app?.ociForm?.digest,
      other?.descriptor.digest,
    ])
    expect(new Set(found.map(({ artifactType }) => artifactType))).toEqual(new Set(['application/vnd.cyclonedx+json']))
    // The two forms are one image.
    expect(found[1]?.layers).toEqual(found[2]?.layers)
  })

  it('are of each platform that an image is carried for', async () => {
    registry.tag('library/app', '1', putMultiPlatformImage(registry, ['amd64', 's390x', 'arm64'], DOCKER))
    const platforms = ['linux/amd64', 'linux/arm64']
    const spec = specOf({ app: NAME })
    const bundle = await open((await build(temporaryFolder(), 'a.tar', { spec, platforms })).path)
    await verifyBundle(bundle)
    const { bom } = await readSbom(bundle)
    expect(bom.components.map(({ properties }) => properties?.[0]?.value)).toEqual(platforms)
    const [app] = bundle.manifest.artifacts
    if (app === undefined) throw new Error('no image')
    const images = await imageManifests(app, jsonReader(bundle))
    const subjects = images.flatMap(({ descriptor, ociForm }) => [descriptor.digest, ociForm?.digest])
    expect(await subjectsIn(bundle)).toEqual([undefined, ...subjects])
    expect(new Set(subjects).size).toBe(4)
    expect(await readImageSboms(bundle, NAME)).toHaveLength(2)
  })

  it('are about that image only', async () => {
    putImages()
    const bundle = await open((await build(temporaryFolder(), 'a.tar')).path)
    const [sbom, ...others] = await readImageSboms(bundle, NAME)
    expect(others).toEqual([])
    expect(sbom?.bom.metadata.component.name).toBe(NAME)
    expect(sbom?.bom.components.flatMap(({ purl = [] }) => purl)).toEqual(PURLS[NAME])
  })
})

describe('bundle sbom', () => {
  async function sbom(...argv: string[]) {
    const io = new FakeIo()
    const code = await run(['bundle', 'sbom', ...argv], io)
    return { code, out: io.out, err: io.err }
  }

  it('counts the packages of each image, and shows those of one', async () => {
    putImages()
    registry.tag('library/other', '1', putImage(registry, [layerTar({ 'var/lib/rpm/rpmdb.sqlite': 'x' })]))
    const { path } = await build(temporaryFolder(), 'a.tar')
    const { out } = await sbom(path)
    expect(out).toMatch(/image +docker.io\/library\/app:1 +linux\/amd64 +debian 12 +1 +1\n/)
    expect(out).toMatch(/rpm packages +docker.io\/library\/other:1/)
    const one = await sbom(path, '--image', NAME)
    expect(one.out).toMatch(/npm +@mojaloop\/new +2\.0\.0/)
    expect(one.out).not.toContain('old')
  })

  it('prints the document itself with --json', async () => {
    putImages()
    const { path } = await build(temporaryFolder(), 'a.tar')
    const bundle = await open(path)
    expect((await sbom(path, '--json')).out).toBe(`${(await readSbom(bundle)).text}\n`)
    const one = JSON.parse((await sbom(path, '--json', '--image', NAME)).out)
    expect(one).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { name: NAME } } })
  })

  it('names the image that was meant', async () => {
    putImages()
    const { path } = await build(temporaryFolder(), 'a.tar')
    const { code, err } = await sbom(path, '--image', 'app')
    expect(code).toBe(2)
    expect(err).toContain(`--image ${NAME}`)
  })
})

import { createHash } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BuildResult } from '../../../bundles/build/build.ts'
import { applyPatch } from '../../../bundles/format/apply-patch.ts'
import { leftOutBlobs, refuseOtherBase, withBase } from '../../../bundles/format/delta.ts'
import { diffBundles } from '../../../bundles/format/diff.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { type ErrorFacts, factsOf } from '../../../bundles/format/error.ts'
import { inspectBundle } from '../../../bundles/format/inspect.ts'
import { patchesIn } from '../../../bundles/format/layer-patch.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { type OpenBundle, openBundle } from '../../../bundles/format/open.ts'
import { jsonReader, reachableBlobs, readArtifactManifest } from '../../../bundles/format/read-artifact.ts'
import { verifyBundle } from '../../../bundles/format/verify.ts'
import { openWithBase } from '../../../installer/actions/open-verified.ts'
import { run } from '../../../installer/cli/program.ts'
import { leftOutAtDesk } from '../../../installer/delivery/left-out.ts'
import { bundleTable } from '../../../installer/render/bundle-table.ts'
import { FakeIo } from '../render/fake-io.ts'
import { type BuildIn, buildIn, specOf } from './build-in.ts'
import { type FakeRegistry, putImage, startFakeRegistry } from './fake-registry.ts'
import { rangesOf } from './layer-files.ts'
import { layerTar } from './layer-tar.ts'
import { temporaryFolder } from './temporary-folder.ts'

let registry: FakeRegistry

beforeEach(async () => {
  registry = await startFakeRegistry()
})

afterEach(() => registry.close())

/** Text that does not compress away. */
function noise(seed: string): string {
  return Array.from({ length: 200 }, (_, at) => createHash('sha256').update(`${seed} ${at}`).digest('hex')).join('')
}

const LAYERS = { shared: noise('shared'), old: noise('old'), next: noise('next') }
const SPEC = specOf({ app: 'docker.io/library/app:1' }, 'files: [{ name: data, paths: [data.txt] }]')

/** Builds with a cache of its own, and gives the file its name. */
async function build(
  layers: (string | Buffer)[],
  name: string,
  options: BuildIn['options'] = {},
  folder = temporaryFolder(),
  compression?: 'zstd',
) {
  registry.tag('library/app', '1', putImage(registry, layers))
  writeFileSync(join(folder, 'data.txt'), 'a file of the deployment')
  const origins = { mirrors: { 'docker.io': registry.host } }
  const result = await buildIn(folder, { spec: SPEC, origins, options, ...(compression && { layers: compression }) })
  const path = join(folder, name)
  renameSync(result.path, path)
  return { ...result, path }
}

const closed: OpenBundle[] = []
afterEach(() => Promise.all(closed.splice(0).map((bundle) => bundle.close())))

async function open(path: string): Promise<OpenBundle> {
  const bundle = await openBundle(path)
  closed.push(bundle)
  return bundle
}

async function oldAndDelta(): Promise<{ old: BuildResult; base: OpenBundle; delta: BuildResult }> {
  const old = await build([LAYERS.shared, LAYERS.old], 'old.tar')
  const base = await open(old.path)
  return { old, base, delta: await build([LAYERS.shared, LAYERS.next], 'delta.tar', { base }) }
}

/** By their size: all else is small. */
function layersOf({ extents }: OpenBundle) {
  return [...extents].map(([digest, extent]) => ({ digest, ...extent })).filter(({ sizeBytes }) => sizeBytes > 5_000)
}

async function failure(task: Promise<unknown>): Promise<ErrorFacts | undefined> {
  return task.then(
    () => undefined,
    (error: unknown) => factsOf(error),
  )
}

describe('building a delta', () => {
  it('carries the layers that its base lacks, and every manifest, configuration and file', async () => {
    const { base, delta } = await oldAndDelta()
    const bundle = await open(delta.path)
    const reachable = await reachableBlobs(bundle.manifest, jsonReader(bundle))
    const absent = reachable.filter(({ digest }) => !bundle.extents.has(digest))
    expect(absent.map(({ role }) => role)).toEqual(['layer'])
    expect(base.extents.has(absent[0]?.digest ?? 'sha256:')).toBe(true)
    expect(delta.leftOut).toEqual({ blobs: 1, bytes: absent[0]?.sizeBytes })
    expect(bundle.manifest.base).toBe(base.manifest.digest)
  })

  it('does not fetch what its base has', async () => {
    const old = await build([LAYERS.shared, LAYERS.old], 'old.tar')
    registry.requests.length = 0
    await build([LAYERS.shared, LAYERS.next], 'delta.tar', { base: await open(old.path) })
    const blobs = registry.requests.filter((path) => path.includes('/blobs/'))
    const layer = layersOf(await open(old.path)).find(({ digest }) => blobs.some((path) => path.includes(digest)))
    expect(blobs.length).toBeGreaterThan(0)
    expect(layer).toBeUndefined()
  })

  it('fetches what is damaged in its base', async () => {
    const old = await build([LAYERS.shared, LAYERS.old], 'old.tar')
    const base = await open(old.path)
    const bytes = readFileSync(old.path)
    for (const { offsetBytes } of layersOf(base)) bytes[offsetBytes + 100] = (bytes[offsetBytes + 100] ?? 0) ^ 1
    writeFileSync(old.path, bytes)
    expect(await failure(verifyBundle(base))).toMatchObject({ code: 'blob-corrupt' })
    const delta = await build([LAYERS.shared, LAYERS.next], 'delta.tar', { base: await open(old.path) })
    expect(delta.leftOut.blobs).toBe(1)
  })

  it('comes out of the same lock and base the same, byte for byte', async () => {
    const { base, delta } = await oldAndDelta()
    const again = await build([LAYERS.shared, LAYERS.next], 'again.tar', { base, lock: delta.lock })
    expect(readFileSync(again.path).equals(readFileSync(delta.path))).toBe(true)
  })

  it('has the lock of the whole bundle, which gives that too', async () => {
    const { delta } = await oldAndDelta()
    const whole = await build([LAYERS.shared, LAYERS.next], 'whole.tar', { lock: delta.lock })
    expect(whole.manifest.base).toBeUndefined()
    expect(whole.manifest.digest).toBe(delta.lock.bundle)
    expect(whole.lock).toEqual(delta.lock)
  })

  it('refuses a base that is a delta, and one that it would overwrite', async () => {
    const { old, base, delta } = await oldAndDelta()
    const layers = [LAYERS.shared]
    const over = await failure(build(layers, 'x.tar', { base: await open(delta.path) }))
    expect(over).toMatchObject({ code: 'base-is-delta', kind: 'usage', found: expect.stringContaining('sha256:') })
    const onto = await failure(build(layers, 'x.tar', { base, outputPath: old.path }))
    expect(onto).toMatchObject({ code: 'base-is-output', kind: 'usage' })
  })
})

/** An application's layer: files of which a release changes one. */
function application(changed: string): Buffer {
  const files = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`app/m${at}.js`, noise(`file ${at}`)]))
  return layerTar({ ...files, 'app/m3.js': noise(changed) })
}

const PATCHED = { old: application('old'), next: application('next') }

async function oldAndPatched(patches: 'beside' | 'instead' | 'none', layers?: 'zstd') {
  const old = await build([LAYERS.shared, PATCHED.old], 'old.tar', {}, undefined, layers)
  const base = await open(old.path)
  const folder = temporaryFolder()
  const delta = await build([LAYERS.shared, PATCHED.next], 'delta.tar', { base, patches }, folder, layers)
  const bundle = await open(delta.path)
  const patch = bundle.manifest.artifacts.find(({ kind }) => kind === 'patches')
  const listed = patch ? patchesIn(await readArtifactManifest(bundle, patch)) : []
  return { old, base, delta, bundle, listed, folder }
}

describe('patches of a delta', () => {
  it.each([undefined, 'zstd'] as const)(
    'make the layer that the base has an older version of (layers: %s)',
    async (layers) => {
      const { base, bundle, listed } = await oldAndPatched('beside', layers)
      const [patch] = listed
      if (!patch) throw new Error('no patch')
      expect(listed).toHaveLength(1)
      expect(patch.from).toEqual({ diffId: digestOf(PATCHED.old), sizeBytes: PATCHED.old.length })
      expect(patch.to).toEqual({ diffId: digestOf(PATCHED.next), sizeBytes: PATCHED.next.length })
      const layer = bundle.extents.get(patch.layer)
      expect(base.extents.has(patch.layer)).toBe(false)
      expect(patch.descriptor.size).toBeLessThan((layer?.sizeBytes ?? 0) / 5)
      const tar = await buffer(applyPatch(bundle.read(patch.descriptor.digest), patch, rangesOf(PATCHED.old)))
      expect(tar.equals(PATCHED.next)).toBe(true)
    },
  )

  it('lie beside the layers, or in their stead, or are not made', async () => {
    const [beside, instead, none] = [
      await oldAndPatched('beside'),
      await oldAndPatched('instead'),
      await oldAndPatched('none'),
    ]
    const layer = beside.listed[0]?.layer as Digest
    expect(beside.bundle.extents.has(layer)).toBe(true)
    expect(instead.bundle.extents.has(layer)).toBe(false)
    expect(instead.listed).toEqual(beside.listed)
    expect(none.listed).toEqual([])
    expect(instead.delta.sizeBytes).toBeLessThan(none.delta.sizeBytes)
    expect(none.delta.sizeBytes).toBeLessThan(beside.delta.sizeBytes)
    for (const { bundle, delta, base } of [beside, instead, none]) {
      expect((await verifyBundle(bundle)).leftOut).toEqual(delta.leftOut)
      await refuseOtherBase(bundle, base)
    }
    const { patched } = await verifyBundle(instead.bundle)
    expect(patched).toEqual({ blobs: 1, bytes: beside.bundle.extents.get(layer)?.sizeBytes })
    expect(instead.delta.leftOut.blobs).toBe(beside.delta.leftOut.blobs + 1)
  })

  it('are all that the desk has of a layer in whose stead they are, with the base at hand too', async () => {
    const { bundle, delta, old, listed } = await oldAndPatched('instead')
    const absent = listed.map(({ layer }) => layer)
    expect((await leftOutAtDesk(bundle))?.blobs).toHaveLength(2)
    const together = withBase(await openBundle(delta.path), await openBundle(old.path))
    expect(await leftOutAtDesk(together)).toMatchObject({ blobs: absent })
    await together.close()
  })

  it('are no part of what the delta stands for: its lock, and what differs from the base', async () => {
    const { base, bundle, delta, folder } = await oldAndPatched('instead')
    const whole = await build([LAYERS.shared, PATCHED.next], 'whole.tar', { lock: delta.lock })
    expect(whole.manifest.digest).toBe(delta.lock.bundle)
    expect((await open(whole.path)).manifest.artifacts.some(({ kind }) => kind === 'patches')).toBe(false)
    expect(await diffBundles(await open(whole.path), bundle)).toMatchObject({ artifacts: [], added: [], removed: [] })
    const again = await build(
      [LAYERS.shared, PATCHED.next],
      'again.tar',
      { base, patches: 'instead', lock: delta.lock },
      folder,
    )
    expect(again.manifest).toEqual(delta.manifest)
  })

  it('are told by inspect, and to earlier versions they are files', async () => {
    const { bundle } = await oldAndPatched('instead')
    const table = bundleTable(await inspectBundle(bundle))
    expect(table).toMatch(/patches +layer-patches/)
    expect(table).toContain('in 1 layer: a patch makes it of an older one')
    const index = JSON.parse(
      String(
        await buffer(
          bundle.readRange(bundle.heads[1].offsetBytes, bundle.heads[1].offsetBytes + bundle.heads[1].sizeBytes),
        ),
      ),
    )
    expect(index.manifests.at(-1).annotations['org.mojabox.kind']).toBe('files')
  })

  it('are not made of layers that have nothing in common, nor for another repository', async () => {
    const old = await build([LAYERS.shared, layerTar({ other: noise('other') })], 'old.tar')
    const delta = await build([LAYERS.shared, PATCHED.next], 'delta.tar', { base: await open(old.path) })
    expect(delta.manifest.artifacts.some(({ kind }) => kind === 'patches')).toBe(false)
    registry.tag('library/else', '1', putImage(registry, [LAYERS.shared, PATCHED.old]))
    const folder = temporaryFolder()
    const origins = { mirrors: { 'docker.io': registry.host } }
    const foreign = await buildIn(folder, { spec: specOf({ app: 'docker.io/library/else:1' }), origins })
    const over = await build([LAYERS.shared, PATCHED.next], 'over.tar', { base: await open(foreign.path) })
    expect(over.manifest.artifacts.some(({ kind }) => kind === 'patches')).toBe(false)
  })

  it('are made of a new version under another tag', async () => {
    registry.tag('library/app', '0', putImage(registry, [LAYERS.shared, PATCHED.old]))
    const origins = { mirrors: { 'docker.io': registry.host } }
    const older = await buildIn(temporaryFolder(), { spec: specOf({ app: 'docker.io/library/app:0' }), origins })
    const delta = await build([LAYERS.shared, PATCHED.next], 'delta.tar', { base: await open(older.path) })
    expect(delta.manifest.artifacts.some(({ kind }) => kind === 'patches')).toBe(true)
  })

  it('are refused in the stead of layers where there is no base', async () => {
    const alone = build([LAYERS.shared], 'x.tar', { patches: 'instead' })
    expect(await failure(alone)).toMatchObject({ code: 'base-not-named', kind: 'usage' })
  })

  it('are left out where the base’s layer is damaged', async () => {
    const old = await build([LAYERS.shared, PATCHED.old], 'old.tar')
    const bytes = readFileSync(old.path)
    for (const { offsetBytes } of layersOf(await open(old.path)))
      bytes[offsetBytes + 2000] = (bytes[offsetBytes + 2000] ?? 0) ^ 1
    writeFileSync(old.path, bytes)
    const delta = await build([LAYERS.shared, PATCHED.next], 'delta.tar', { base: await open(old.path) })
    expect(delta.manifest.artifacts.some(({ kind }) => kind === 'patches')).toBe(false)
  })
})

describe('a delta', () => {
  it('is verified without what it leaves out', async () => {
    const { delta } = await oldAndDelta()
    const { leftOut } = await verifyBundle(await open(delta.path))
    expect(leftOut).toEqual(delta.leftOut)
  })

  it('is told by inspect, with its base and what it leaves out of each artifact', async () => {
    const { base, delta } = await oldAndDelta()
    const inspected = await inspectBundle(await open(delta.path))
    expect(inspected).toMatchObject({ base: base.manifest.digest, leftOut: delta.leftOut })
    expect(inspected.artifacts.map(({ leftOutBytes }) => leftOutBytes)).toEqual([delta.leftOut.bytes, 0, 0])
    expect(bundleTable(inspected)).toContain(`delta of  ${base.manifest.digest}`)
    expect(bundleTable(await inspectBundle(base))).not.toContain('delta')
  })

  it('is whole with its base, and with the whole bundle', async () => {
    const { base, delta } = await oldAndDelta()
    const bundle = await open(delta.path)
    await refuseOtherBase(bundle, base)
    await refuseOtherBase(bundle, await open((await build([LAYERS.shared, LAYERS.next], 'whole.tar')).path))
  })

  it('refuses a base that lacks something, naming the one that it needs', async () => {
    const { base, delta } = await oldAndDelta()
    const other = await open((await build([LAYERS.old], 'other.tar')).path)
    expect(await failure(refuseOtherBase(await open(delta.path), other))).toMatchObject({
      code: 'base-differs',
      kind: 'bundle',
      message: expect.stringContaining('1 blob ('),
      found: expect.stringContaining(other.manifest.digest),
      needed: `bundle ${base.manifest.digest}`,
    })
  })

  it('is not verified by its base alone: a damaged base is told', async () => {
    const { old, base, delta } = await oldAndDelta()
    const verify = async (...argv: string[]) => {
      const io = new FakeIo()
      const code = await run(['bundle', 'verify', ...argv], io)
      return { code, out: io.out, text: io.out + io.err }
    }
    const together = await verify(delta.path, '--base', old.path)
    expect(together).toMatchObject({ code: 0, text: expect.stringContaining(base.manifest.digest) })
    expect(together.text).toContain(`they are in ${old.path}`)
    expect((await verify(delta.path)).text).toContain('--base FILE')
    expect((await verify(old.path, '--base', delta.path)).code).toBe(2)
    const json = JSON.parse((await verify(delta.path, '--json')).out)
    expect(json).toMatchObject({ verified: true, base: base.manifest.digest, leftOut: delta.leftOut })
    const bytes = readFileSync(old.path)
    const at = layersOf(base)[0]?.offsetBytes ?? 0
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(old.path, bytes)
    expect((await verify(delta.path, '--base', old.path)).code).toBe(5)
  })

  it('leaves out at the desk what neither it nor its base has', async () => {
    const { old, base, delta } = await oldAndDelta()
    const bundle = await open(delta.path)
    const absent = (await leftOutBlobs(bundle)).map(({ digest }) => digest)
    expect(absent).toHaveLength(1)
    expect(await leftOutAtDesk(bundle)).toEqual({ base: base.manifest.digest, blobs: absent })
    expect(await leftOutAtDesk(base)).toBeUndefined()
    const together = withBase(await openBundle(delta.path), await openBundle(old.path))
    expect(await leftOutAtDesk(together)).toBeUndefined()
    for (const digest of [...bundle.extents.keys(), ...absent]) {
      const chunks: Buffer[] = []
      for await (const chunk of together.read(digest)) chunks.push(chunk)
      expect(digestOf(Buffer.concat(chunks))).toBe(digest)
    }
    await together.close()
  })

  it('is opened with the base that is named; a whole bundle without it', async () => {
    const { old, delta } = await oldAndDelta()
    const io = new FakeIo({ env: { HOME: temporaryFolder() } })
    for (const [path, basePath, left] of [
      [delta.path, undefined, 1],
      [delta.path, old.path, 0],
      [old.path, '/nowhere/old.tar', 0],
    ] as const) {
      const bundle = await openWithBase(path, basePath, io)
      expect((await leftOutAtDesk(bundle))?.blobs.length ?? 0).toBe(left)
      await bundle.close()
    }
    const other = await build([LAYERS.next], 'other.tar')
    expect(await failure(openWithBase(delta.path, other.path, io))).toMatchObject({ code: 'base-differs' })
    expect(await failure(openWithBase(delta.path, '/nowhere/old.tar', io))).toMatchObject({ code: 'bundle-not-found' })
  })

  it('must not lack anything else: what is missing of a whole bundle stays an error', async () => {
    const { old } = await oldAndDelta()
    const bundle = await open(old.path)
    const [layer] = layersOf(bundle)
    const extents = new Map([...bundle.extents].filter(([digest]) => digest !== layer?.digest))
    expect(await failure(verifyBundle({ ...bundle, extents }))).toMatchObject({ code: 'blob-missing' })
  })
})

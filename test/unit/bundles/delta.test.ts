import { createHash } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BuildResult } from '../../../bundles/build/build.ts'
import { leftOutBlobs, refuseOtherBase, withBase } from '../../../bundles/format/delta.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { type ErrorFacts, factsOf } from '../../../bundles/format/error.ts'
import { inspectBundle } from '../../../bundles/format/inspect.ts'
import { type OpenBundle, openBundle } from '../../../bundles/format/open.ts'
import { jsonReader, reachableBlobs } from '../../../bundles/format/read-artifact.ts'
import { verifyBundle } from '../../../bundles/format/verify.ts'
import { openWithBase } from '../../../installer/actions/open-verified.ts'
import { run } from '../../../installer/cli/program.ts'
import { leftOutAtDesk } from '../../../installer/delivery/left-out.ts'
import { bundleTable } from '../../../installer/render/bundle-table.ts'
import { FakeIo } from '../render/fake-io.ts'
import { type BuildIn, buildIn, specOf } from './build-in.ts'
import { type FakeRegistry, putImage, startFakeRegistry } from './fake-registry.ts'
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
async function build(layers: string[], name: string, options: BuildIn['options'] = {}, folder = temporaryFolder()) {
  registry.tag('library/app', '1', putImage(registry, layers))
  writeFileSync(join(folder, 'data.txt'), 'a file of the deployment')
  const origins = { mirrors: { 'docker.io': registry.host } }
  const result = await buildIn(folder, { spec: SPEC, origins, options })
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

import { createHash, generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type SplitOptions, splitBundle } from '../../../bundles/build/split.ts'
import { factsOf } from '../../../bundles/format/error.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { readEnvelope, requireSignature, signBundle } from '../../../bundles/format/signature.ts'
import { verifyBundle } from '../../../bundles/format/verify.ts'
import { buildIn, specOf } from './build-in.ts'
import { temporaryFolder } from './temporary-folder.ts'

const PART_BYTES = 30_001

/** A bundle of four parts, of an odd size so that headers and blobs lie over their borders. */
async function bundleFile(content: Buffer = noise(100_000)): Promise<string> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'data.bin'), content)
  const { path } = await buildIn(folder, { spec: specOf({}, 'files: [{ name: data, paths: [data.bin] }]') })
  return path
}

function noise(bytes: number): Buffer {
  return Buffer.concat(
    Array.from({ length: Math.ceil(bytes / 32) }, (_, at) => createHash('sha256').update(`${at}`).digest()),
  )
}

async function split(path: string, folder: string, options: Partial<SplitOptions> = {}) {
  const bundle = await openBundle(path)
  const signal = new AbortController().signal
  try {
    return await splitBundle({ bundle, folder, partBytes: PART_BYTES, signal, onProgress: () => {}, ...options })
  } finally {
    await bundle.close()
  }
}

async function splitAnew(): Promise<{ path: string; folder: string; first: string }> {
  const [path, folder] = [await bundleFile(), temporaryFolder()]
  await split(path, folder)
  return { path, folder, first: join(folder, 'bundle.tar.001') }
}

/** What is wrong with a bundle; undefined when every byte of it is right. */
async function faultOf(path: string) {
  try {
    const bundle = await openBundle(path)
    await verifyBundle(bundle).finally(() => bundle.close())
    return undefined
  } catch (error) {
    return factsOf(error)
  }
}

const NAMES = ['bundle.tar.001', 'bundle.tar.002', 'bundle.tar.003', 'bundle.tar.004']

describe('splitBundle', () => {
  it('writes parts of one size that together are the bundle, and nothing else', async () => {
    const { path, folder } = await splitAnew()
    expect(readdirSync(folder).toSorted()).toEqual(NAMES)
    const parts = NAMES.map((name) => readFileSync(join(folder, name)))
    expect(parts.slice(0, -1).map(({ length }) => length)).toEqual([PART_BYTES, PART_BYTES, PART_BYTES])
    expect(Buffer.concat(parts).equals(readFileSync(path))).toBe(true)
  })

  it('carries the signatures along, so that the parts are as trusted as the whole', async () => {
    const [path, folder] = [await bundleFile(), temporaryFolder()]
    const bundle = await openBundle(path)
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    await bundle.close()
    await signBundle(path, bundle.manifest, privateKey)
    writeFileSync(join(folder, 'bundle.tar.sig'), 'of another bundle')
    const { signatures } = await split(path, folder)
    expect(signatures).toBe(join(folder, 'bundle.tar.sig'))
    const envelope = await readEnvelope(join(folder, 'bundle.tar.001'))
    expect(requireSignature(envelope, bundle.manifest, [publicKey])).toHaveLength(1)
  })

  it('leaves the signatures where they are when the parts lie beside the bundle', async () => {
    const path = await bundleFile()
    const bundle = await openBundle(path)
    await bundle.close()
    await signBundle(path, bundle.manifest, generateKeyPairSync('ed25519').privateKey)
    const before = readFileSync(`${path}.sig`)
    expect(await split(path, dirname(path))).toMatchObject({ signatures: undefined })
    expect(readFileSync(`${path}.sig`)).toEqual(before)
  })

  it('tells its progress up to the whole file', async () => {
    const [path, folder] = [await bundleFile(), temporaryFolder()]
    const told: number[] = []
    await split(path, folder, { onProgress: (done) => void told.push(done) })
    expect(told.at(-1)).toBe(statSync(path).size)
  })

  it('leaves nothing half written when it is interrupted, and goes on from the parts that are whole', async () => {
    const [path, folder] = [await bundleFile(), temporaryFolder()]
    const stop = new AbortController()
    const onProgress = (done: number): void => {
      if (done > PART_BYTES) stop.abort(new Error('enough'))
    }
    await expect(split(path, folder, { signal: stop.signal, onProgress })).rejects.toThrow('enough')
    const there = readdirSync(folder)
    expect(NAMES.slice(0, there.length)).toEqual(there.toSorted())
    expect(there.length).toBeLessThan(4)
    const { parts } = await split(path, folder)
    expect(parts.filter(({ kept }) => kept)).toHaveLength(there.length)
    expect(await faultOf(join(folder, 'bundle.tar.001'))).toBeUndefined()
  })

  it.each([
    ['a part of another size', (folder: string) => truncateSync(join(folder, 'bundle.tar.002'), 100), /002/],
    [
      'a part with other content',
      (folder: string) => writeFileSync(join(folder, 'bundle.tar.002'), Buffer.alloc(PART_BYTES)),
      /002/,
    ],
    ['a part beyond the last', (folder: string) => writeFileSync(join(folder, 'bundle.tar.005'), 'x'), /005/],
  ])('refuses to overwrite %s, before it writes anything', async (_what, spoil, named) => {
    const { path, folder } = await splitAnew()
    rmSync(join(folder, 'bundle.tar.001'))
    spoil(folder)
    const error = await split(path, folder).catch((thrown) => thrown)
    expect(error.facts).toMatchObject({ code: 'part-exists', kind: 'usage', message: expect.stringMatching(named) })
    expect(readdirSync(folder)).not.toContain('bundle.tar.001')
  })

  it('refuses a size that makes too many parts, and says which would do', async () => {
    const path = await bundleFile()
    const error = await split(path, temporaryFolder(), { partBytes: 10 }).catch((thrown) => thrown)
    expect(error.facts).toMatchObject({ code: 'too-many-parts', next: expect.stringMatching(/--size \d+/) })
  })

  it('refuses a folder that is not there', async () => {
    const error = await split(await bundleFile(), '/nowhere/at/all').catch((thrown) => thrown)
    expect(error.facts).toMatchObject({ code: 'cannot-write', kind: 'usage' })
  })

  it('splits parts anew, into others of the same name', async () => {
    const [{ first, path }, folder] = [await splitAnew(), temporaryFolder()]
    await split(first, folder, { partBytes: 50_000 })
    expect(readdirSync(folder)).toHaveLength(Math.ceil(statSync(path).size / 50_000))
    expect(await faultOf(join(folder, 'bundle.tar.001'))).toBeUndefined()
  })
})

describe('a bundle in parts', () => {
  it.each(['bundle.tar.001', 'bundle.tar'])('is read as it is, named %s', async (name) => {
    const { folder, path } = await splitAnew()
    expect(await faultOf(join(folder, name))).toBeUndefined()
    const bundle = await openBundle(join(folder, name))
    expect(bundle.sizeBytes).toBe(statSync(path).size)
    expect(bundle.paths).toEqual(NAMES.map((part) => join(folder, part)))
    await bundle.close()
  })

  it('is told by its first part', async () => {
    const { folder } = await splitAnew()
    expect(await faultOf(join(folder, 'bundle.tar.002'))).toMatchObject({
      code: 'part-not-first',
      next: expect.stringContaining('bundle.tar.001'),
    })
  })

  it.each(['001', '002', '003', '004'])('names its part %s when it is missing', async (number) => {
    const { folder } = await splitAnew()
    rmSync(join(folder, `bundle.tar.${number}`))
    expect(await faultOf(join(folder, 'bundle.tar'))).toMatchObject({
      code: 'part-missing',
      kind: 'bundle',
      message: expect.stringContaining(`bundle.tar.${number}`),
    })
  })

  it.each(['001', '002', '003', '004'])('names its part %s when it is short', async (number) => {
    const { folder, first } = await splitAnew()
    truncateSync(join(folder, `bundle.tar.${number}`), 1000)
    expect(await faultOf(first)).toMatchObject({
      code: 'part-short',
      kind: 'bundle',
      message: expect.stringContaining(`bundle.tar.${number}`),
    })
  })

  it('does not hide a bundle whose name only looks like a part’s', async () => {
    const path = await bundleFile()
    const other = `${path.replace(/\.tar$/, '')}-2.15.100`
    writeFileSync(other, readFileSync(path))
    expect(await faultOf(other)).toBeUndefined()
  })

  it('is told damaged like any other', async () => {
    const { folder, first } = await splitAnew()
    const bytes = readFileSync(join(folder, 'bundle.tar.003'))
    bytes[500] = (bytes[500] ?? 0) ^ 1
    writeFileSync(join(folder, 'bundle.tar.003'), bytes)
    expect(await faultOf(first)).toMatchObject({ code: 'blob-corrupt' })
  })
})

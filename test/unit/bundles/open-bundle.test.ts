import { randomBytes } from 'node:crypto'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { writeBundle } from '../../../bundles/build/write.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { factsOf } from '../../../bundles/format/error.ts'
import { encodeBundleManifest, encodeIndexJson } from '../../../bundles/format/index-json.ts'
import { jsonBytes } from '../../../bundles/format/json-bytes.ts'
import { ARTIFACT_TYPES, type Artifact, type Digest, MEDIA_TYPES } from '../../../bundles/format/manifest.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { jsonReader, reachableBlobs, readSmallBlob } from '../../../bundles/format/read-artifact.ts'
import { encodeHeader } from '../../../bundles/format/tar-header.ts'
import { verifyBundle } from '../../../bundles/format/verify.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** A bundle of one file, written with the real writer; further blobs are ones that nothing reaches. */
async function smallBundle(further: Buffer[] = []): Promise<string> {
  const content = Buffer.from('content '.repeat(500))
  const config = Buffer.from('{}')
  const blobs = new Map<Digest, Buffer>()
  const put = (bytes: Buffer): { digest: Digest; size: number } => {
    blobs.set(digestOf(bytes), bytes)
    return { digest: digestOf(bytes), size: bytes.length }
  }
  const manifest = put(
    jsonBytes({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.manifest,
      artifactType: ARTIFACT_TYPES.files,
      config: { mediaType: MEDIA_TYPES.empty, ...put(config) },
      layers: [{ mediaType: MEDIA_TYPES.blob, ...put(content) }],
    }),
  )
  for (const bytes of further) put(bytes)
  const descriptor = { mediaType: MEDIA_TYPES.manifest, ...manifest, artifactType: ARTIFACT_TYPES.files }
  const artifacts: Artifact[] = [
    { kind: 'files', name: 'data', platform: undefined, unpackedBytes: content.length, descriptor },
  ]
  const facts = { deployment: 'test', version: '1.0.0', profiles: ['a', 'b'], artifacts }
  const bytes = encodeBundleManifest(facts)
  const bundle = put(bytes)
  const path = join(temporaryFolder(), 'bundle.tar')
  await writeBundle({
    path,
    indexJson: encodeIndexJson({ ...facts, digest: bundle.digest }, bundle.size),
    blobs: [...blobs].map(([digest, { length }]) => ({
      digest,
      sizeBytes: length,
      isManifest: [bundle.digest, manifest.digest].includes(digest),
    })),
    from: { sizeOf: async () => undefined, read: (digest) => streamOf(blobs.get(digest) ?? Buffer.alloc(0)) },
    signal: new AbortController().signal,
    onBytes: () => {},
  })
  return path
}

async function faultOf(path: string) {
  try {
    const bundle = await openBundle(path)
    try {
      await verifyBundle(bundle)
    } finally {
      await bundle.close()
    }
  } catch (error) {
    return factsOf(error)
  }
  return undefined
}

describe('the digest of a range', () => {
  it.each([0, 1, 1024 * 1024, 3.5 * 1024 * 1024])('is that of its bytes, of which there are %d', async (bytes) => {
    const content = randomBytes(bytes)
    const bundle = await openBundle(await smallBundle([content]))
    const { offsetBytes = 0, sizeBytes = 0 } = bundle.extents.get(digestOf(content)) ?? {}
    const heard: number[] = []
    const range = [offsetBytes, offsetBytes + sizeBytes] as const
    const found = await bundle.digestOfRange(...range, new AbortController().signal, (more) => void heard.push(more))
    expect(found).toBe(digestOf(content))
    expect(heard.reduce((sum, more) => sum + more, 0)).toBe(bytes)
    await bundle.close()
  })

  it('ends when it is told to, and where the file became shorter', async () => {
    const path = await smallBundle([randomBytes(3_000_000)])
    const bundle = await openBundle(path)
    const of = (signal: AbortSignal) => bundle.digestOfRange(0, bundle.sizeBytes, signal, () => {})
    await expect(of(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
    truncateSync(path, 1_500_000)
    await expect(of(new AbortController().signal)).rejects.toThrow('became shorter')
    await bundle.close()
  })
})

describe('openBundle', () => {
  it('gives the manifest, and blobs from any offset', async () => {
    const bundle = await openBundle(await smallBundle())
    expect(bundle.manifest).toMatchObject({ deployment: 'test', version: '1.0.0', profiles: ['a', 'b'] })
    const blobs = await reachableBlobs(bundle.manifest, jsonReader(bundle))
    const layer = blobs.find(({ role }) => role === 'layer')
    if (layer === undefined) throw new Error('no layer')
    expect(blobs.map(({ role }) => role)).toEqual(['manifest', 'config', 'layer'])
    expect(await bundle.sizeOf(layer.digest)).toBe(4000)
    expect(await textOf(bundle.read(layer.digest, 3992))).toBe('content ')
    expect(await textOf(bundle.read(layer.digest, 4000))).toBe('')
    await bundle.close()
  })

  it('says that a blob is missing', async () => {
    const bundle = await openBundle(await smallBundle())
    const digest: Digest = `sha256:${'0'.repeat(64)}`
    expect(() => bundle.read(digest)).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ code: 'blob-missing' }) }),
    )
    expect(await bundle.sizeOf(digest)).toBeUndefined()
    await bundle.close()
  })

  it.each([
    ['a file that is not there', undefined, 'bundle-not-found'],
    ['an empty file', Buffer.alloc(0), 'not-a-bundle'],
    ['text', Buffer.from('x'.repeat(5000)), 'not-a-bundle'],
    ['zeros', Buffer.alloc(5000), 'not-a-bundle'],
    ['another tar', Buffer.concat([encodeHeader('README', 0), Buffer.alloc(1024)]), 'not-a-bundle'],
    ['a compressed bundle', Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(2000)]), 'not-a-bundle'],
  ])('refuses %s', async (_, content, code) => {
    const path = join(temporaryFolder(), 'file')
    if (content !== undefined) writeFileSync(path, content)
    expect(await faultOf(path)).toMatchObject({ code, kind: 'bundle', next: expect.any(String) })
  })

  it('tells a bundle that is cut short at whatever place', async () => {
    const path = await smallBundle()
    const whole = readFileSync(path)
    for (const size of [600, 1536, 3000, whole.length - 1200, whole.length - 1024, whole.length - 1]) {
      truncateSync(path, size)
      expect(await faultOf(path), `cut to ${size}`).toMatchObject({
        code: 'bundle-truncated',
        found: expect.stringContaining(`${size} bytes`),
      })
      writeFileSync(path, whole)
    }
  })

  it('refuses bytes after the end', async () => {
    const path = await smallBundle()
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(512)]))
    expect(await faultOf(path)).toMatchObject({ code: 'bundle-corrupt' })
  })
})

describe('verifyBundle', () => {
  it('finds every single byte that is flipped', async () => {
    const path = await smallBundle()
    const whole = readFileSync(path)
    const missed: number[] = []
    for (let position = 0; position < whole.length; position += 61) {
      const copy = Buffer.from(whole)
      copy[position] = (copy[position] ?? 0) ^ 0x41
      writeFileSync(path, copy)
      if ((await faultOf(path))?.kind !== 'bundle') missed.push(position)
    }
    expect(missed).toEqual([])
  })

  it('names the artifact that a damaged blob belongs to', async () => {
    const path = await smallBundle()
    const bytes = readFileSync(path)
    bytes[bytes.indexOf('content content')] = 0
    writeFileSync(path, bytes)
    const digest = digestOf('content '.repeat(500))
    expect(await faultOf(path)).toMatchObject({
      code: 'blob-corrupt',
      message: expect.stringContaining('files data'),
      needed: digest,
    })
  })

  it('names it of a damaged manifest too, and what was found once', async () => {
    const path = await smallBundle()
    const bytes = readFileSync(path)
    bytes.write('S', bytes.indexOf('"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest') + 1)
    writeFileSync(path, bytes)
    expect(await faultOf(path)).toMatchObject({
      code: 'blob-corrupt',
      message: expect.stringContaining('files data'),
      found: expect.stringMatching(/^content with digest sha256:[0-9a-f]{64}$/),
    })
  })

  it('refuses a blob that the manifest does not reach', async () => {
    expect(await faultOf(await smallBundle([Buffer.from('smuggled')]))).toMatchObject({
      code: 'blob-unreachable',
      found: digestOf('smuggled'),
    })
  })

  it('tells its progress up to the whole file, and can be interrupted', async () => {
    const bundle = await openBundle(await smallBundle())
    let done = 0
    await verifyBundle(bundle, { onProgress: (doneBytes) => (done = doneBytes) })
    expect(done).toBeGreaterThan(4000)
    const controller = new AbortController()
    controller.abort(new Error('enough'))
    await expect(verifyBundle(bundle, { signal: controller.signal })).rejects.toThrow('enough')
    await bundle.close()
  })
})

describe('readSmallBlob', () => {
  it('refuses content with another digest', async () => {
    const source = { sizeOf: async () => 1, read: () => streamOf(Buffer.from('x')) }
    await expect(readSmallBlob(source, digestOf('y'))).rejects.toThrow(/damaged/)
  })
})

function streamOf(bytes: Buffer): Readable {
  return Readable.from([bytes])
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

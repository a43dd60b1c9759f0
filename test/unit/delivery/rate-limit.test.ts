import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { BlobSource } from '../../../bundles/format/blob-source.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { RateLimit } from '../../../installer/delivery/rate-limit.ts'

const BYTES = randomBytes(200_000)
const source: BlobSource = {
  sizeOf: async () => BYTES.length,
  read: (_digest, offset = 0) => Readable.from([BYTES.subarray(offset, 100_000), BYTES.subarray(100_000)]),
}
const DIGEST: Digest = `sha256:${'0'.repeat(64)}`

async function read(from: BlobSource, offset = 0): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of from.read(DIGEST, offset)) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const startedAt = performance.now()
  const value = await work()
  return { value, seconds: (performance.now() - startedAt) / 1000 }
}

describe('a limit on what the desk sends', () => {
  it('hands on the same bytes, from any offset, no faster than it says', async () => {
    const paced = new RateLimit(1_000_000).paced(source)
    const whole = await timed(() => read(paced))
    expect(whole.value.equals(BYTES)).toBe(true)
    // The last piece need not be waited for.
    expect(whole.seconds).toBeGreaterThan(0.17)
    expect((await read(paced, 50_000)).equals(BYTES.subarray(50_000))).toBe(true)
    expect(await paced.sizeOf(DIGEST)).toBe(BYTES.length)
  })

  it('is one for all that is read at the same time', async () => {
    const paced = new RateLimit(2_000_000).paced(source)
    const both = await timed(() => Promise.all([read(paced), read(paced)]))
    expect(both.value.every((bytes) => bytes.equals(BYTES))).toBe(true)
    expect(both.seconds).toBeGreaterThan(0.17)
  })

  it('saves up nothing while nothing is sent', async () => {
    const paced = new RateLimit(1_000_000).paced(source)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect((await timed(() => read(paced))).seconds).toBeGreaterThan(0.17)
  })

  it.each(['as it is', 'packed'])('paces the executable too, %s', async (how) => {
    const open = () => Readable.from([BYTES])
    const packed = { sha256: '', sizeBytes: BYTES.length, open }
    const executable = { sha256: '', sizeBytes: BYTES.length, open, packed }
    const paced = new RateLimit(1_000_000).pacedExecutable(executable)
    const sent = await timed(async () =>
      Buffer.concat(await ((how === 'packed' && paced.packed) || paced).open(0).toArray()),
    )
    expect(sent.value.equals(BYTES)).toBe(true)
    expect(sent.seconds).toBeGreaterThan(0.17)
  })
})

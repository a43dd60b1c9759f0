import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress } from 'node:zlib'
import type { Digest } from '../format/manifest.ts'
import { byteCounter } from './byte-counter.ts'
import type { Cache } from './cache.ts'
import { diskFull } from './disk-full.ts'

/**
 * On the layers of eight images of an application (1.05 GB), one core: level 3 gives 278 MB at 450 MB/s, 9 gives 245 MB
 * at 70, 12 gives 242 MB at 30, and 19 some 210 MB at 3. All unpack at 1.5 GB/s, gzip's 314 MB at a third of that.
 */
export const ZSTD_LEVEL = 9

/**
 * What comes out of these stages, of which the first is the source, compressed into the cache.
 * @throws MojaboxError `disk-full`, and whatever the stages throw
 */
export async function compressInto(
  cache: Cache,
  stages: [Readable, ...Duplex[]],
  signal: AbortSignal,
): Promise<{ digest: Digest; size: number }> {
  const scratch = cache.scratch()
  const packed = byteCounter()
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } })
  try {
    await pipeline([...stages, compress, packed.stream, createWriteStream(scratch)], { signal })
    await cache.adopt(scratch, packed.digest())
    return { digest: packed.digest(), size: packed.bytes() }
  } catch (error) {
    await rm(scratch, { force: true })
    throw diskFull(error, scratch)
  }
}

import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Digest } from '../format/manifest.ts'
import { END_BYTES, encodeHeader, paddingBytes } from '../format/tar-header.ts'
import type { Cache } from './cache.ts'
import { diskFull } from './disk-full.ts'
import { compressZstd, ZSTD_LEVEL } from './zstd.ts'

/**
 * The executable as the one file of a tar that zstd compresses: 37 MB of 121, where gzip needs 46. Into the cache; what
 * a digest packs to is remembered.
 */
export async function packExecutable(
  path: string,
  plain: { digest: Digest; bytes: number },
  cache: Cache,
  signal: AbortSignal,
): Promise<{ size: number; digest: Digest }> {
  const pack = async (): Promise<string> => {
    const scratch = cache.scratch()
    const hash = createHash('sha256')
    const hashed = async function* (pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const piece of pieces) {
        hash.update(piece)
        yield piece
      }
    }
    try {
      await pipeline(tarOf(path, plain.bytes), compressZstd(), hashed, createWriteStream(scratch), { signal })
      const digest: Digest = `sha256:${hash.digest('hex')}`
      await cache.adopt(scratch, digest)
      return digest
    } catch (error) {
      await rm(scratch, { force: true })
      throw diskFull(error, scratch)
    }
  }
  let digest = (await cache.fact(plain.digest, `tar-zstd-${ZSTD_LEVEL}`, pack)) as Digest
  // The fact may be older than the cache's content.
  if ((await cache.sizeOf(digest)) === undefined) digest = (await pack()) as Digest
  return { digest, size: (await cache.sizeOf(digest)) ?? 0 }
}

async function* tarOf(path: string, sizeBytes: number): AsyncGenerator<Buffer> {
  yield encodeHeader('mojabox', sizeBytes)
  yield* createReadStream(path, { highWaterMark: 1024 * 1024 })
  yield Buffer.alloc(paddingBytes(sizeBytes) + END_BYTES)
}

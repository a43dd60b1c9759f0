import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { Digest } from '../format/manifest.ts'
import { END_BYTES, encodeHeader, paddingBytes } from '../format/tar-header.ts'
import type { Cache } from './cache.ts'
import { compressInto, ZSTD_LEVEL } from './zstd.ts'

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
  const pack = async (): Promise<string> =>
    (await compressInto(cache, [Readable.from(tarOf(path, plain.bytes), { objectMode: false })], signal)).digest
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

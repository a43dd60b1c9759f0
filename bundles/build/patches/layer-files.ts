import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { PassThrough, type Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import type { Descriptor, Digest } from '../../format/manifest.ts'
import type { Cache } from '../cache.ts'
import { diskFull } from '../disk-full.ts'
import type { LayerFile } from './make-patch.ts'
import { tarEntries } from './tar-entries.ts'

/** A layer of an image: its blob, and what that unpacks to. */
export interface ImageLayer {
  descriptor: Descriptor
  diffId: Digest
}

/** Layers unpacked on this machine's disk, each once. */
export interface LayerFiles {
  /** Undefined where the layer does not unpack to what its image says. */
  of(layer: ImageLayer, read: (digest: Digest) => Readable): Promise<LayerFile | undefined>
  /** Takes them away. */
  remove(): Promise<void>
}

export function layerFiles(cache: Cache, signal: AbortSignal): LayerFiles {
  const files = new Map<Digest, Promise<LayerFile | undefined>>()
  const paths: string[] = []
  return {
    of(layer, read) {
      const known = files.get(layer.diffId)
      if (known) return known
      const path = cache.scratch()
      paths.push(path)
      const file = unpacked(layer, read(layer.descriptor.digest), path, signal)
      files.set(layer.diffId, file)
      return file
    },
    async remove() {
      await Promise.allSettled(files.values())
      for (const path of paths) await rm(path, { force: true })
    },
  }
}

async function unpacked(
  { descriptor, diffId }: ImageLayer,
  packed: Readable,
  path: string,
  signal: AbortSignal,
): Promise<LayerFile | undefined> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  const count = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk)
      sizeBytes += chunk.length
      yield chunk
    }
  }
  try {
    await pipeline(packed, unpackerOf(descriptor), count, createWriteStream(path), { signal })
  } catch (error) {
    signal.throwIfAborted()
    const full = diskFull(error, path)
    // A damaged base only costs a patch.
    if (full === error) return undefined
    throw full
  }
  if (`sha256:${hash.digest('hex')}` !== diffId) return undefined
  const entries = await tarEntries(createReadStream(path, { highWaterMark: 1024 * 1024 }))
  return { path, diffId, sizeBytes, entries }
}

function unpackerOf({ mediaType }: Descriptor): Transform {
  if (/[.+]gzip$/.test(mediaType)) return createGunzip({ chunkSize: 256 * 1024 })
  return /[.+]zstd$/.test(mediaType) ? createZstdDecompress() : new PassThrough()
}

import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { z } from 'zod'
import { digestOf, isDigest } from '../../format/digest.ts'
import { jsonBytes } from '../../format/json-bytes.ts'
import { type Descriptor, Digest, MEDIA_TYPES } from '../../format/manifest.ts'
import { parseJson } from '../../format/read-document.ts'
import type { Cache } from '../cache.ts'
import { type FileTree, localImageInvalid, readWhole } from './file-tree.ts'
import { layerTooLarge, MAX_LAYER_BYTES } from './layers.ts'
import type { RawManifest } from './origin.ts'

/** `manifest.json` of a `docker save` archive. */
export const DockerArchiveIndex = z.array(
  z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()) }),
)

const ImageConfig = z.object({ rootfs: z.object({ diff_ids: z.array(Digest) }) })

interface Conversion {
  tree: FileTree
  image: z.infer<typeof DockerArchiveIndex>[number]
  path: string
  cache: Cache
  signal: AbortSignal
}

/**
 * An image of a `docker save` archive as an OCI one: the configuration as it is, so the image keeps its ID; the layers
 * compressed with gzip, into the cache.
 */
export async function convertDockerArchive(conversion: Conversion): Promise<RawManifest> {
  const { tree, image, path, cache } = conversion
  const config = await readWhole(tree, image.Config)
  if (config === undefined) throw localImageInvalid(path, `no ${image.Config}, or one that is too large`)
  const parsed = ImageConfig.safeParse(parseJson(config))
  const diffIds = parsed.success ? parsed.data.rootfs.diff_ids : []
  if (diffIds.length !== image.Layers.length)
    throw localImageInvalid(path, `${image.Layers.length} layers, of which ${diffIds.length} are named`)
  const layers: Descriptor[] = []
  for (const [position, layerPath] of image.Layers.entries()) {
    layers.push(await compressLayer(conversion, layerPath, diffIds[position] as Digest))
  }
  await cache.put(config)
  const bytes = jsonBytes({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
    layers,
  })
  return { descriptor: { mediaType: MEDIA_TYPES.manifest, digest: digestOf(bytes), size: bytes.length }, bytes }
}

async function compressLayer(conversion: Conversion, layerPath: string, diffId: Digest): Promise<Descriptor> {
  const { cache } = conversion
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'
  const known = await cache.fact(diffId, 'gzip', () => compress(conversion, layerPath, diffId))
  const size = isDigest(known) ? await cache.sizeOf(known) : undefined
  if (isDigest(known) && size !== undefined) return { mediaType, digest: known, size }
  const digest = await compress(conversion, layerPath, diffId)
  return { mediaType, digest, size: (await cache.sizeOf(digest)) ?? 0 }
}

/** Compresses a layer into the cache, checking that it is the one the configuration names. */
async function compress({ tree, path, cache, signal }: Conversion, layerPath: string, diffId: Digest): Promise<Digest> {
  const scratch = cache.scratch()
  const plain = createHash('sha256')
  const compressed = createHash('sha256')
  const tap = (hash: typeof plain) =>
    async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      let bytes = 0
      for await (const chunk of chunks) {
        bytes += chunk.length
        if (bytes > MAX_LAYER_BYTES) throw layerTooLarge(`reading ${layerPath} of ${path}`, MAX_LAYER_BYTES)
        hash.update(chunk)
        yield chunk
      }
    }
  if ((await tree.sizeOf(layerPath)) === undefined) throw localImageInvalid(path, `no layer ${layerPath}`)
  try {
    const unpack = (await startsWithGzip(tree, layerPath)) ? createGunzip() : new PassThrough()
    const write = createWriteStream(scratch)
    await pipeline(tree.read(layerPath), unpack, tap(plain), createGzip({ level: 6 }), tap(compressed), write, {
      signal,
    }).catch((error: NodeJS.ErrnoException) => {
      throw error.code?.startsWith('Z_') ? localImageInvalid(path, `a damaged layer ${layerPath}`) : error
    })
    if (`sha256:${plain.digest('hex')}` !== diffId) throw localImageInvalid(path, `a damaged layer ${layerPath}`)
    const digest: Digest = `sha256:${compressed.digest('hex')}`
    await cache.adopt(scratch, digest)
    return digest
  } finally {
    await rm(scratch, { force: true })
  }
}

async function startsWithGzip(tree: FileTree, layerPath: string): Promise<boolean> {
  for await (const chunk of tree.read(layerPath)) return chunk[0] === 0x1f && chunk[1] === 0x8b
  return false
}

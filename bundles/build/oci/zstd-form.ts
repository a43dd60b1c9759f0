import { createReadStream } from 'node:fs'
import { PassThrough, type Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { digestOf } from '../../format/digest.ts'
import { jsonBytes } from '../../format/json-bytes.ts'
import { ANNOTATIONS, type Descriptor, type Digest, MEDIA_TYPES, OciManifest } from '../../format/manifest.ts'
import { byteCounter } from '../byte-counter.ts'
import type { Cache } from '../cache.ts'
import { shareContent } from '../sbom/read-layer.ts'
import type { BuildContext } from '../source.ts'
import { compressInto, ZSTD_LEVEL } from '../zstd.ts'
import { ociForm } from './oci-form.ts'
import type { RawManifest } from './origin.ts'

/**
 * An image in OCI form whose layers are compressed with zstd (OCI image specification 1.1). Its configuration is the
 * same, and so is its ID in Docker's own store. Each layer also says what it is uncompressed, for a node whose runtime
 * reads no zstd. The layers must be in the cache, where the new ones go too.
 */
export async function zstdForm(raw: RawManifest, context: BuildContext): Promise<RawManifest> {
  const bytes = ociForm(raw, new Map())?.bytes ?? raw.bytes
  const manifest = OciManifest.parse(JSON.parse(bytes.toString('utf8')))
  const layers = await Promise.all(manifest.layers.map((layer) => zstdLayer(layer, context)))
  const formed = jsonBytes({ ...manifest, layers })
  return {
    descriptor: { mediaType: MEDIA_TYPES.manifest, digest: digestOf(formed), size: formed.length },
    bytes: formed,
  }
}

async function zstdLayer(layer: Descriptor, { cache, limit, signal }: BuildContext): Promise<Descriptor> {
  const compress = (): Promise<string> => limit(() => compressed(layer, cache, signal))
  const name = `zstd-${ZSTD_LEVEL}`
  let made = readFact(await cache.fact(layer.digest, name, compress))
  // The fact may be older than the cache's content.
  if ((await cache.sizeOf(made.digest)) !== made.size) made = readFact(await compress())
  await shareContent(cache, layer, made.digest, signal)
  return {
    mediaType: MEDIA_TYPES.zstdTar,
    digest: made.digest,
    size: made.size,
    annotations: {
      ...layer.annotations,
      [ANNOTATIONS.uncompressedDigest]: made.plainDigest,
      [ANNOTATIONS.uncompressedBytes]: String(made.plainBytes),
    },
  }
}

interface Compressed {
  digest: Digest
  size: number
  plainDigest: Digest
  plainBytes: number
}

function readFact(text: string): Compressed {
  return JSON.parse(text) as Compressed
}

/** Into the cache; what it came to, as JSON. */
async function compressed({ digest, mediaType }: Descriptor, cache: Cache, signal: AbortSignal): Promise<string> {
  const plain = byteCounter()
  const layer = createReadStream(cache.pathOf(digest), { highWaterMark: 1024 * 1024 })
  const packed = await compressInto(cache, [layer, unpacker(mediaType), plain.stream], signal)
  const made: Compressed = { ...packed, plainDigest: plain.digest(), plainBytes: plain.bytes() }
  return JSON.stringify(made)
}

function unpacker(mediaType: string): Transform {
  if (/[.+]gzip$/.test(mediaType)) return createGunzip({ chunkSize: 256 * 1024 })
  return /[.+]zstd$/.test(mediaType) ? createZstdDecompress() : new PassThrough()
}

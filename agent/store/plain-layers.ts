import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { digestOf } from '../../bundles/format/digest.ts'
import { jsonBytes } from '../../bundles/format/json-bytes.ts'
import { ANNOTATIONS, type Descriptor, Digest, MEDIA_TYPES, type OciManifest } from '../../bundles/format/manifest.ts'

/** How an image's layer is handed out: as it is sent, or as the tar that it unpacks to. */
export interface HandedOutLayer {
  sent: Descriptor
  /** The same descriptor where it is handed out as it is sent. */
  handedOut: Descriptor
}

/** OCI's compressed layers, and Docker's. */
const COMPRESSED = /[.+](gzip|zstd)$/

export function isZstd({ mediaType }: Descriptor): boolean {
  return mediaType.endsWith('+zstd')
}

/** A layer as the tar that it unpacks to. */
export function plainLayer({ mediaType }: Descriptor, digest: Digest, size: number): Descriptor {
  return { mediaType: mediaType.replace(COMPRESSED, ''), digest, size }
}

/** The same, as `bundle build` noted it on a layer that it compressed with zstd. */
export function notedPlainLayer(sent: Descriptor): Descriptor {
  const { annotations = {} } = sent
  const digest = Digest.parse(annotations[ANNOTATIONS.uncompressedDigest])
  return plainLayer(sent, digest, Number(annotations[ANNOTATIONS.uncompressedBytes]))
}

/**
 * An image's manifest with its layers as they are handed out; undefined where that is the manifest as it is. The image's
 * ID stays the same in Docker's own store, where it is the configuration's digest.
 */
export function manifestOf(
  manifest: OciManifest,
  layers: HandedOutLayer[],
): { descriptor: Descriptor; bytes: Buffer } | undefined {
  if (layers.every(({ sent, handedOut }) => sent === handedOut)) return undefined
  const bytes = jsonBytes({ ...manifest, layers: layers.map(({ handedOut }) => handedOut) })
  const mediaType = manifest.mediaType ?? MEDIA_TYPES.manifest
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes }
}

/** What a layer as it is sent unpacks to. */
export async function* unpacked(packed: AsyncIterable<Buffer>, { mediaType }: Descriptor): AsyncGenerator<Buffer> {
  if (!COMPRESSED.test(mediaType)) {
    yield* packed
    return
  }
  const unpack = mediaType.endsWith('zstd') ? createZstdDecompress() : createGunzip({ chunkSize: 256 * 1024 })
  // Its failure is the reader's: the stream ends with it.
  pipeline(Readable.from(packed, { objectMode: false }), unpack).catch(() => {})
  try {
    yield* unpack as AsyncIterable<Buffer>
  } finally {
    unpack.destroy()
  }
}

/** The rest of a stream from a byte on: what is before is dropped. */
export async function* from(stream: AsyncIterable<Buffer>, offsetBytes: number): AsyncGenerator<Buffer> {
  let at = 0
  for await (const chunk of stream) {
    const skip = Math.min(Math.max(offsetBytes - at, 0), chunk.length)
    at += chunk.length
    if (skip < chunk.length) yield chunk.subarray(skip)
  }
}

import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { digestOf } from '../../bundles/format/digest.ts'
import { jsonBytes } from '../../bundles/format/json-bytes.ts'
import { ANNOTATIONS, type Descriptor, Digest, MEDIA_TYPES, type OciManifest } from '../../bundles/format/manifest.ts'
import { corruptDocument } from '../../bundles/format/read-document.ts'

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

/**
 * The same, as `bundle build` noted it on a layer that it compressed with zstd.
 * @throws MojaboxError `bundle-corrupt` where it did not
 */
export function notedPlainLayer(sent: Descriptor): Descriptor {
  const { digest, annotations = {} } = sent
  const plain = Digest.safeParse(annotations[ANNOTATIONS.uncompressedDigest])
  const size = annotations[ANNOTATIONS.uncompressedBytes] ?? ''
  if (plain.success && /^\d{1,15}$/.test(size)) return plainLayer(sent, plain.data, Number(size))
  throw corruptDocument(
    `reading layer ${digest}`,
    'no word of what it is unpacked',
    'the digest and size that it unpacks to',
  )
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

/**
 * What a layer as it is sent unpacks to: not a byte more than it is handed out as.
 * @throws MojaboxError `bundle-corrupt` when it unpacks to more or less, or not at all
 */
export async function* unpacked(
  packed: AsyncIterable<Buffer>,
  { sent, handedOut }: HandedOutLayer,
): AsyncGenerator<Buffer> {
  if (!COMPRESSED.test(sent.mediaType)) {
    yield* packed
    return
  }
  const unpack = isZstd(sent) ? createZstdDecompress() : createGunzip({ chunkSize: 256 * 1024 })
  // Its failure is the reader's: the stream ends with it.
  pipeline(Readable.from(packed, { objectMode: false }), unpack).catch(() => {})
  const otherwise = (found: string) =>
    corruptDocument(`unpacking layer ${sent.digest}`, found, `${handedOut.size} bytes, unpacked`)
  let at = 0
  try {
    for await (const chunk of unpack as AsyncIterable<Buffer>) {
      at += chunk.length
      if (at > handedOut.size) throw otherwise(`more than ${handedOut.size} bytes`)
      yield chunk
    }
  } catch (error) {
    throw isUnpackingError(error) ? otherwise(`what is no ${isZstd(sent) ? 'zstd' : 'gzip'}`) : error
  } finally {
    unpack.destroy()
  }
  if (at < handedOut.size) throw otherwise(`${at} bytes`)
}

function isUnpackingError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^Z(STD)?_/.test(String(error.code))
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

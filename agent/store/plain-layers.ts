import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdDecompress } from 'node:zlib'
import { digestOf } from '../../bundles/format/digest.ts'
import { jsonBytes } from '../../bundles/format/json-bytes.ts'
import { ANNOTATIONS, type Descriptor, Digest, MEDIA_TYPES, type OciManifest } from '../../bundles/format/manifest.ts'
import { corruptDocument } from '../../bundles/format/read-document.ts'

const ZSTD = /\+zstd$/

export function hasZstdLayers({ layers }: OciManifest): boolean {
  return layers.some(({ mediaType }) => ZSTD.test(mediaType))
}

/** An image whose layers are handed out unpacked. */
export interface PlainForm {
  descriptor: Descriptor
  bytes: Buffer
  /** Of each layer that is sent compressed: that one, and the one it is handed out as. */
  plain: { sent: Descriptor; handedOut: Descriptor }[]
}

/**
 * An image for a runtime that reads no zstd (Docker before 23): its layers as the tars that they unpack to, as
 * `bundle build` noted them. The image's ID is the same, for in Docker's own store it is the configuration's digest.
 * @throws MojaboxError `bundle-corrupt` where it did not
 */
export function withPlainLayers(manifest: OciManifest): PlainForm {
  const plain = manifest.layers
    .filter(({ mediaType }) => ZSTD.test(mediaType))
    .map((sent) => ({ sent, handedOut: plainOf(sent) }))
  const layers = manifest.layers.map((layer) => plain.find(({ sent }) => sent === layer)?.handedOut ?? layer)
  const bytes = jsonBytes({ ...manifest, layers })
  return { descriptor: { mediaType: MEDIA_TYPES.manifest, digest: digestOf(bytes), size: bytes.length }, bytes, plain }
}

/** @throws MojaboxError `bundle-corrupt` */
function plainOf({ mediaType, digest, annotations = {} }: Descriptor): Descriptor {
  const plain = Digest.safeParse(annotations[ANNOTATIONS.uncompressedDigest])
  const size = annotations[ANNOTATIONS.uncompressedBytes] ?? ''
  if (!plain.success || !/^\d{1,15}$/.test(size)) {
    throw corruptDocument(
      `reading layer ${digest}`,
      'no word of what it is unpacked',
      'the digest and size that it unpacks to',
    )
  }
  return { mediaType: mediaType.replace(ZSTD, ''), digest: plain.data, size: Number(size) }
}

/**
 * What a layer that is sent as zstd unpacks to, from `offsetBytes` on: what is before is unpacked and dropped. Not a byte
 * more than it is handed out as.
 * @throws MojaboxError `bundle-corrupt` when it unpacks to more or less, or not at all
 */
export async function* unpackedFrom(
  packed: AsyncIterable<Buffer>,
  { sent, handedOut }: PlainForm['plain'][number],
  offsetBytes: number,
): AsyncGenerator<Buffer> {
  const unpack = createZstdDecompress()
  // Its failure is the reader's: the stream ends with it.
  pipeline(Readable.from(packed, { objectMode: false }), unpack).catch(() => {})
  const otherwise = (found: string) =>
    corruptDocument(`unpacking layer ${sent.digest}`, found, `${handedOut.size} bytes, unpacked`)
  let at = 0
  try {
    for await (const chunk of unpack as AsyncIterable<Buffer>) {
      if (at + chunk.length > handedOut.size) throw otherwise(`more than ${handedOut.size} bytes`)
      const skip = Math.min(Math.max(offsetBytes - at, 0), chunk.length)
      at += chunk.length
      if (skip < chunk.length) yield chunk.subarray(skip)
    }
  } catch (error) {
    throw isZstdError(error) ? otherwise('what is no zstd') : error
  } finally {
    unpack.destroy()
  }
  if (at < handedOut.size) throw otherwise(`${at} bytes`)
}

function isZstdError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ZSTD_')
}

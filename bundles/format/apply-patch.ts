import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { ByteReader } from './byte-reader.ts'
import { MojaboxError } from './error.ts'
import {
  type LayerPatch,
  type LayerTar,
  type PatchPart,
  patchUnusable,
  readPatchHead,
  referenceBytes,
} from './layer-patch.ts'

/** Content of which any range can be read. */
export interface RangeSource {
  readonly sizeBytes: number
  /** Fills `target` with the bytes from there on. @throws when it cannot */
  read(offsetBytes: number, target: Buffer): Promise<void>
}

/** Ranges of the older layer, one after the other, in `room` or a new buffer: what a part was compressed with. */
export async function referenceOf(
  { ranges }: Pick<PatchPart, 'ranges'>,
  older: RangeSource,
  room?: Buffer,
): Promise<Buffer> {
  const bytes = referenceBytes({ ranges })
  const reference = room && room.length >= bytes ? room.subarray(0, bytes) : Buffer.allocUnsafe(bytes)
  let at = 0
  for (const [offset, length] of ranges) {
    await older.read(offset, reference.subarray(at, at + length))
    at += length
  }
  return reference
}

const unpack = promisify(zstdDecompress)

/**
 * The tar of the new layer, made of the patch as it comes and the older layer. What is held at a time are two parts and
 * what one refers to. The last part is held back until the digest of all was checked.
 * @throws MojaboxError `patch-unusable`; what `patch` throws
 */
export function applyPatch(
  patch: AsyncIterable<Buffer>,
  about: Pick<LayerPatch, 'from' | 'to'>,
  older: RangeSource,
): AsyncGenerator<Buffer> {
  return checkedTar(partsOf(patch, about, older), about.to)
}

async function* partsOf(
  patch: AsyncIterable<Buffer>,
  about: Pick<LayerPatch, 'from' | 'to'>,
  older: RangeSource,
): AsyncGenerator<Buffer> {
  if (older.sizeBytes !== about.from.sizeBytes) throw patchUnusable(`an older layer of ${older.sizeBytes} bytes`)
  const reader = new ByteReader(patch)
  try {
    const parts = await readPatchHead(reader, about)
    const room = Buffer.allocUnsafe(Math.max(0, ...parts.map(referenceBytes)))
    for (const part of parts) yield await partOf(part, await reader.take(part.packedBytes), older, room)
  } finally {
    await reader.close()
  }
}

async function partOf(part: PatchPart, packed: Buffer, older: RangeSource, room: Buffer): Promise<Buffer> {
  try {
    const dictionary = await referenceOf(part, older, room)
    // One piece, where the default is hundreds.
    const chunkSize = Math.max(part.targetBytes, 1024)
    const options = { maxOutputLength: part.targetBytes, chunkSize, ...(dictionary.length > 0 && { dictionary }) }
    const piece = await unpack(packed, options)
    if (piece.length === part.targetBytes) return piece
    throw patchUnusable(`a part of ${piece.length} bytes in place of ${part.targetBytes}`)
  } catch (error) {
    if (error instanceof MojaboxError) throw error
    throw patchUnusable(error instanceof Error ? error.message : String(error), error)
  }
}

/**
 * A tar as it comes, its last piece only once the digest of all is right.
 * @throws MojaboxError `patch-unusable`
 */
export async function* checkedTar(
  pieces: AsyncIterable<Buffer>,
  { diffId, sizeBytes }: LayerTar,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256')
  let last: Buffer | undefined
  let bytes = 0
  for await (const piece of pieces) {
    if (last) yield last
    hash.update(piece)
    bytes += piece.length
    last = piece
  }
  const found = `sha256:${hash.digest('hex')}`
  if (found !== diffId)
    throw patchUnusable(`a layer of ${bytes} bytes with digest ${found}, not ${sizeBytes} with ${diffId}`)
  if (last) yield last
}

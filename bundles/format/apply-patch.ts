import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { ByteReader } from './byte-reader.ts'
import { MojaboxError } from './error.ts'
import { type LayerPatch, type LayerTar, type PatchPart, patchUnusable, readPatchHead } from './layer-patch.ts'

/** Content of which any range can be read. */
export interface RangeSource {
  readonly sizeBytes: number
  /** Exactly that many bytes. @throws when it cannot give them */
  read(offsetBytes: number, lengthBytes: number): Promise<Buffer>
}

/** Ranges of the older layer, one after the other: what a part was compressed with. */
export async function referenceOf({ ranges }: Pick<PatchPart, 'ranges'>, older: RangeSource): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (const [offset, length] of ranges) pieces.push(await older.read(offset, length))
  return Buffer.concat(pieces)
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
    for (const part of await readPatchHead(reader, about)) {
      yield await partOf(part, await reader.take(part.packedBytes), older)
    }
  } finally {
    await reader.close()
  }
}

async function partOf(part: PatchPart, packed: Buffer, older: RangeSource): Promise<Buffer> {
  try {
    const dictionary = await referenceOf(part, older)
    const options = { maxOutputLength: part.targetBytes, ...(dictionary.length > 0 && { dictionary }) }
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

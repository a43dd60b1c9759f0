import { promisify } from 'node:util'
import { constants, zstdCompressSync, zstdDecompress } from 'node:zlib'
import { z } from 'zod'
import type { ByteReader } from './byte-reader.ts'
import { MojaboxError } from './error.ts'
import { jsonBytes } from './json-bytes.ts'
import { ANNOTATIONS, type Descriptor, Digest, type OciManifest } from './manifest.ts'

/** A layer's whole tar, uncompressed, by its diff ID. */
export interface LayerTar {
  diffId: Digest
  sizeBytes: number
}

/** How a layer is made of an older one, without the bytes that both have. */
export interface LayerPatch {
  /** The blob with the patch. */
  descriptor: Descriptor
  /** The layer's own blob, as its image lists it. */
  layer: Digest
  from: LayerTar
  to: LayerTar
}

/** A part of the new tar: one zstd frame, for which these ranges of the older tar, put together, are the dictionary. */
export interface PatchPart {
  targetBytes: number
  packedBytes: number
  /** Offset and length in bytes. */
  ranges: [number, number][]
}

/** Of the older tar, what a part refers to. */
export function referenceBytes({ ranges }: Pick<PatchPart, 'ranges'>): number {
  return ranges.reduce((sum, [, length]) => sum + length, 0)
}

/** What a reader must hold at a time is bounded by these; a build stays below. */
export const MAX_PART_BYTES = 16 * 1024 * 1024
export const MAX_REFERENCE_BYTES = 16 * 1024 * 1024
const MAX_INDEX_BYTES = 16 * 1024 * 1024

const MAGIC = Buffer.from('mojapat1')
const HEAD_BYTES = MAGIC.length + 8

const Bytes = z.number().int().nonnegative()
const Index = z.array(z.tuple([Bytes, Bytes, z.array(z.tuple([Bytes, Bytes]))]))

/** The beginning of a patch; its parts' frames follow, in their order. */
export function encodePatchHead(parts: PatchPart[]): Buffer {
  const index = jsonBytes(parts.map(({ targetBytes, packedBytes, ranges }) => [targetBytes, packedBytes, ranges]))
  const packed = zstdCompressSync(index, { params: { [constants.ZSTD_c_compressionLevel]: 12 } })
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32LE(packed.length, 0)
  lengths.writeUInt32LE(index.length, 4)
  return Buffer.concat([MAGIC, lengths, packed])
}

const unpack = promisify(zstdDecompress)

/**
 * Reads the beginning of a patch, and that its parts make up exactly what is said, within what there is.
 * @throws MojaboxError `patch-unusable`
 */
export async function readPatchHead(
  reader: ByteReader,
  { from, to }: Pick<LayerPatch, 'from' | 'to'>,
): Promise<PatchPart[]> {
  const head = await reader.take(HEAD_BYTES)
  if (head.length < HEAD_BYTES || !head.subarray(0, MAGIC.length).equals(MAGIC)) throw patchUnusable('no patch')
  const [packedBytes, indexBytes] = [head.readUInt32LE(MAGIC.length), head.readUInt32LE(MAGIC.length + 4)]
  if (Math.max(packedBytes, indexBytes) > MAX_INDEX_BYTES) throw patchUnusable(`an index of ${indexBytes} bytes`)
  const parts = await readIndex(await reader.take(packedBytes), indexBytes)
  for (const { targetBytes, packedBytes, ranges } of parts) {
    const reference = referenceBytes({ ranges })
    if (targetBytes > MAX_PART_BYTES || packedBytes > MAX_PART_BYTES || reference > MAX_REFERENCE_BYTES)
      throw patchUnusable(`a part of ${targetBytes} bytes, of ${packedBytes} and ${reference}`)
    const outside = ranges.find(([offset, length]) => offset + length > from.sizeBytes)
    if (outside) throw patchUnusable(`bytes ${outside.join(' + ')} of an older layer of ${from.sizeBytes}`)
  }
  const total = parts.reduce((sum, { targetBytes }) => sum + targetBytes, 0)
  if (total !== to.sizeBytes) throw patchUnusable(`parts of ${total} bytes for a layer of ${to.sizeBytes}`)
  return parts
}

async function readIndex(packed: Buffer, indexBytes: number): Promise<PatchPart[]> {
  try {
    const bytes = await unpack(packed, { maxOutputLength: Math.max(indexBytes, 1) })
    if (bytes.length !== indexBytes) throw new Error(`${bytes.length} bytes`)
    const entries = Index.parse(JSON.parse(bytes.toString('utf8')))
    return entries.map(([targetBytes, packedBytes, ranges]) => ({ targetBytes, packedBytes, ranges }))
  } catch (cause) {
    throw patchUnusable('an index that cannot be read', cause)
  }
}

/** A patch that does not give what it says, or its older layer is another; who has the whole layer takes that. */
export function patchUnusable(found: string, cause?: unknown): MojaboxError {
  return new MojaboxError(
    {
      code: 'patch-unusable',
      kind: 'bundle',
      message: 'making a layer of an older one: the patch does not fit',
      found,
      needed: 'a patch of the bundle, and the layer that it was made over',
      next: 'use a bundle that carries the layers whole: build it without --patches instead',
    },
    { cause },
  )
}

/** What the list of patches says of each. */
const PatchAnnotations = z.object({
  [ANNOTATIONS.patchLayer]: Digest,
  [ANNOTATIONS.patchFrom]: Digest,
  [ANNOTATIONS.patchFromBytes]: z.coerce.number().int().positive(),
  [ANNOTATIONS.patchTo]: Digest,
  [ANNOTATIONS.patchToBytes]: z.coerce.number().int().positive(),
})

/** A patch as the manifest of all patches lists it. */
export function patchDescriptor({ descriptor, layer, from, to }: LayerPatch): Descriptor {
  return {
    ...descriptor,
    annotations: {
      [ANNOTATIONS.patchLayer]: layer,
      [ANNOTATIONS.patchFrom]: from.diffId,
      [ANNOTATIONS.patchFromBytes]: String(from.sizeBytes),
      [ANNOTATIONS.patchTo]: to.diffId,
      [ANNOTATIONS.patchToBytes]: String(to.sizeBytes),
    },
  }
}

/** The patches that a manifest of patches lists; what says too little of itself is left out. */
export function patchesIn({ layers }: OciManifest): LayerPatch[] {
  return layers.flatMap(({ annotations, ...descriptor }) => {
    const said = PatchAnnotations.safeParse(annotations).data
    if (said === undefined) return []
    return {
      descriptor,
      layer: said[ANNOTATIONS.patchLayer],
      from: { diffId: said[ANNOTATIONS.patchFrom], sizeBytes: said[ANNOTATIONS.patchFromBytes] },
      to: { diffId: said[ANNOTATIONS.patchTo], sizeBytes: said[ANNOTATIONS.patchToBytes] },
    }
  })
}

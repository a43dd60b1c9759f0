import type { BundleFile } from './bundle-file.ts'
import { bytesText } from './bytes-text.ts'
import { isDigest } from './digest.ts'
import { MojaboxError } from './error.ts'
import type { Digest } from './manifest.ts'
import { cutPart } from './parts.ts'
import { BLOCK_BYTES, decodeHeader, END_BYTES, encodeHeader, entryBytes } from './tar-header.ts'

/** Where content lies in the bundle's file. */
export interface Extent {
  offsetBytes: number
  sizeBytes: number
}

/** What the headers of a bundle say, none of its content read. */
export interface TarIndex {
  layout: Extent
  index: Extent
  /** In the order of the file. */
  blobs: Map<Digest, Extent>
}

const FIXED_NAMES = ['oci-layout', 'index.json'] as const

/**
 * Reads a bundle's headers by seeking from one to the next: 512 bytes for each blob, whatever its size.
 * @throws MojaboxError `not-a-bundle`, `bundle-truncated`, `bundle-corrupt`, `part-missing`, `part-short`
 */
export async function readTarIndex(file: BundleFile, path: string): Promise<TarIndex> {
  const fixed: Extent[] = []
  const blobs = new Map<Digest, Extent>()
  const block = Buffer.alloc(BLOCK_BYTES)
  const fileBytes = file.sizeBytes
  let position = 0
  for (;;) {
    if (position + BLOCK_BYTES > fileBytes)
      throw position === 0 ? notABundle(path, 'too short for one') : truncated(file, path, position + END_BYTES)
    await file.read(block, position)
    if (block.every((byte) => byte === 0)) break
    const entry = decodeEntry(block, path, position)
    const expected = FIXED_NAMES[fixed.length]
    if (expected !== undefined && entry.name !== expected) {
      throw position === 0
        ? notABundle(path, `an archive that begins with ${printable(entry.name)}`)
        : corruptAt(path, position, printable(entry.name), expected)
    }
    const extent = { offsetBytes: position + BLOCK_BYTES, sizeBytes: entry.sizeBytes }
    if (expected !== undefined) fixed.push(extent)
    else addBlob(blobs, entry.name, extent, path)
    position += entryBytes(entry.sizeBytes)
    if (position > fileBytes) throw truncated(file, path, position + END_BYTES)
  }
  const [layout, index] = fixed
  if (layout === undefined || index === undefined) throw notABundle(path, 'an archive without index.json')
  await checkEnd(file, path, position)
  return { layout, index, blobs }
}

function decodeEntry(block: Buffer, path: string, position: number): { name: string; sizeBytes: number } {
  const header = decodeHeader(block)
  const name = header?.path ?? ''
  const sizeBytes = header?.size ?? 0
  if (header === undefined) {
    throw position === 0
      ? notABundle(path, describeStart(block))
      : corruptAt(path, position, 'a damaged header', 'a tar header')
  }
  if (!encodeHeader(name, sizeBytes).equals(block)) {
    throw position === 0
      ? notABundle(path, `an archive that begins with ${printable(name)}`)
      : corruptAt(path, position, 'a header that mojabox does not write', 'fixed owner, mode and time')
  }
  return { name, sizeBytes }
}

function addBlob(blobs: Map<Digest, Extent>, name: string, extent: Extent, path: string): void {
  const digest = `sha256:${name.slice('blobs/sha256/'.length)}`
  if (!name.startsWith('blobs/sha256/') || !isDigest(digest)) {
    throw corruptAt(path, extent.offsetBytes - BLOCK_BYTES, printable(name), 'blobs only')
  }
  if (blobs.has(digest))
    throw corruptAt(path, extent.offsetBytes - BLOCK_BYTES, `${digest} a second time`, 'each blob once')
  blobs.set(digest, extent)
}

async function checkEnd(file: BundleFile, path: string, position: number): Promise<void> {
  const fileBytes = file.sizeBytes
  if (fileBytes < position + END_BYTES) throw truncated(file, path, position + END_BYTES)
  if (fileBytes > position + END_BYTES) {
    throw corruptAt(
      path,
      position + END_BYTES,
      `${fileBytes - position - END_BYTES} bytes after the end`,
      'nothing after the end',
    )
  }
  const end = Buffer.alloc(END_BYTES)
  await file.read(end, position)
  if (end.some((byte) => byte !== 0)) throw corruptAt(path, position, 'bytes in the end mark', 'zeros')
}

function notABundle(path: string, found: string): MojaboxError {
  return new MojaboxError({
    code: 'not-a-bundle',
    kind: 'bundle',
    message: `opening ${path}: not a mojabox bundle`,
    found,
    needed: 'a file that `mojabox bundle build` wrote',
    next: 'name the bundle, or build one: mojabox bundle build SPEC -o FILE',
  })
}

function truncated(
  { paths, sizes, sizeBytes: fileBytes }: BundleFile,
  path: string,
  neededBytes: number,
): MojaboxError {
  const part = cutPart(paths, sizes)
  if (part !== undefined) return part
  return new MojaboxError({
    code: 'bundle-truncated',
    kind: 'bundle',
    message: `opening ${path}: the bundle is cut short`,
    found: `${fileBytes} bytes (${bytesText(fileBytes)})`,
    needed: `at least ${neededBytes} bytes (${bytesText(neededBytes)})`,
    next: 'copy the bundle again, whole',
  })
}

export function corruptAt(path: string, position: number, found: string, needed: string): MojaboxError {
  return new MojaboxError({
    code: 'bundle-corrupt',
    kind: 'bundle',
    message: `reading ${path}: damaged at byte ${position}`,
    found,
    needed,
    next: 'copy the bundle again, or build it again',
  })
}

/** What a file that is no tar seems to be. */
function describeStart(block: Buffer): string {
  if (block[0] === 0x1f && block[1] === 0x8b) return 'gzip-compressed data'
  if (block.readUInt32LE(0) === 0xfd2fb528) return 'zstd-compressed data'
  if (block.subarray(0, 4).toString('latin1') === '\u007fELF') return 'a program'
  return 'something else'
}

function printable(name: string): string {
  return JSON.stringify(name.slice(0, 80))
}

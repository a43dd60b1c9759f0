import { Header, type Pax } from 'tar'

/** Tar works in blocks of 512 bytes: a header is one, and content is padded to whole ones. */
export const BLOCK_BYTES = 512
/** Two zero blocks end an archive. */
export const END_BYTES = 2 * BLOCK_BYTES

/** The one header a bundle has for a file of this name and size: fixed owner, mode and time, so that bundles are reproducible. */
export function encodeHeader(path: string, sizeBytes: number): Buffer {
  const header = new Header({ path, mode: 0o644, uid: 0, gid: 0, size: sizeBytes, mtime: new Date(0), type: 'File' })
  const block = Buffer.alloc(BLOCK_BYTES)
  header.encode(block)
  return block
}

/** What a header says; undefined when the block is no header, or a damaged one. */
export function decodeHeader(block: Buffer, extended?: Pax): Header | undefined {
  try {
    const header = new Header(block, 0, extended)
    return header.cksumValid ? header : undefined
  } catch {
    // The library throws on numbers that no tar has.
    return undefined
  }
}

/** Zero bytes that follow content of this size. */
export function paddingBytes(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES
}

/** Bytes an entry takes: header, content, padding. */
export function entryBytes(sizeBytes: number): number {
  return BLOCK_BYTES + sizeBytes + paddingBytes(sizeBytes)
}

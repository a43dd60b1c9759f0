import { createHash } from 'node:crypto'
import type { Digest } from './manifest.ts'

/** The digest of bytes held in memory; content that may be large is hashed while it streams. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text)
}

/** The 64 hexadecimal digits of a digest: a blob's file name in an OCI image layout. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length)
}

/** A blob's path in an OCI image layout. */
export function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`
}

import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Digest } from './manifest.ts'

/** The digest of bytes held in memory; content that may be large is hashed while it streams. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** The digest of content that may be large; `onBytes` hears of each piece. */
export async function digestOfStream(
  stream: Readable,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<Digest> {
  const hash = createHash('sha256')
  for await (const chunk of stream) {
    signal.throwIfAborted()
    hash.update(chunk)
    onBytes(chunk.length)
  }
  return `sha256:${hash.digest('hex')}`
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

import type { Readable } from 'node:stream'
import type { Digest } from './manifest.ts'

/**
 * Whoever holds blobs and can serve them: the desk's bundle, a node's store, a cache. One file per source.
 * `read` streams from `offsetBytes` to the end and does not check the digest: the receiver does.
 */
export interface BlobSource {
  /** Size in bytes, or undefined when this source lacks the blob. */
  sizeOf(digest: Digest): Promise<number | undefined>
  /** @throws MojaboxError `blob-missing` when the source lacks the blob. */
  read(digest: Digest, offsetBytes?: number): Readable
}

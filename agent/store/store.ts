import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BlobSource } from '../../bundles/format/blob-source.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import { makeFolder } from './make-folder.ts'

/** A blob by what names it, and its length. */
export interface SizedBlob {
  digest: Digest
  sizeBytes: number
}

/**
 * The node's store: an OCI image layout. Complete blobs lie under `blobs/sha256`, those on their way under `ingest`;
 * a blob is renamed into place only after its digest was checked, so what `sizeOf` finds can be trusted.
 */
export class Store implements BlobSource {
  readonly root: string

  constructor(root: string) {
    this.root = root
  }

  blobPath(digest: Digest): string {
    return join(this.root, 'blobs', 'sha256', digest.slice('sha256:'.length))
  }

  get ingestFolder(): string {
    return join(this.root, 'ingest')
  }

  ingestPath(digest: Digest): string {
    return join(this.ingestFolder, digest.slice('sha256:'.length))
  }

  async prepare(): Promise<void> {
    await makeFolder(join(this.root, 'blobs', 'sha256'))
    await makeFolder(this.ingestFolder)
    await writeFile(join(this.root, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  }

  async sizeOf(digest: Digest): Promise<number | undefined> {
    return (await stat(this.blobPath(digest)).catch(() => undefined))?.size
  }

  /** How much of a blob of that size is here, whole or as far as it came; what is longer is not it. */
  async hereBytes({ digest, sizeBytes }: SizedBlob): Promise<number> {
    const found = (await this.sizeOf(digest)) ?? (await stat(this.ingestPath(digest)).catch(() => undefined))?.size ?? 0
    return found > sizeBytes ? 0 : found
  }

  read(digest: Digest, offsetBytes = 0): Readable {
    // Errors of the file become ours; a reader that goes away closes the file too.
    return Readable.from(this.#pieces(digest, offsetBytes), { objectMode: false })
  }

  async *#pieces(digest: Digest, start: number): AsyncGenerator<Buffer> {
    try {
      yield* createReadStream(this.blobPath(digest), { start })
    } catch (cause) {
      throw new MojaboxError(
        { code: 'blob-missing', kind: 'bundle', message: `${digest} is not in the store` },
        { cause },
      )
    }
  }

  /** Whether a complete blob is still what it was when it was checked: a disk may have lost some of it. */
  async isWhole(digest: Digest): Promise<boolean> {
    if ((await this.sizeOf(digest)) === undefined) return false
    const hash = createHash('sha256')
    await pipeline(this.read(digest), hash)
    return `sha256:${hash.digest('hex')}` === digest
  }

  /**
   * A whole blob, its last piece only once its digest was found right; one that is damaged is removed.
   * @throws MojaboxError `blob-corrupt`
   */
  async *readChecked(digest: Digest): AsyncGenerator<Buffer> {
    const hash = createHash('sha256')
    let last: Buffer | undefined
    for await (const piece of this.read(digest)) {
      if (last) yield last
      last = piece
      hash.update(piece)
    }
    const found: Digest = `sha256:${hash.digest('hex')}`
    if (found !== digest) {
      await this.remove(digest)
      throw damaged(digest, found)
    }
    if (last) yield last
  }

  /** Moves a checked blob into place, once a power cut cannot shorten it any more. */
  async commit(digest: Digest): Promise<void> {
    const file = await open(this.ingestPath(digest), 'r')
    await file.sync().finally(() => file.close())
    await rename(this.ingestPath(digest), this.blobPath(digest))
  }

  /** Puts a checked blob in the place of what is there under its name. */
  async put(digest: Digest, bytes: Buffer): Promise<void> {
    await makeFolder(this.ingestFolder)
    await writeFile(this.ingestPath(digest), bytes)
    await this.commit(digest)
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.blobPath(digest), { force: true })
    await rm(this.ingestPath(digest), { force: true })
  }

  /** Digests of the complete blobs. */
  async list(): Promise<Digest[]> {
    const names = await readdir(join(this.root, 'blobs', 'sha256')).catch(() => [])
    return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name): Digest => `sha256:${name}`)
  }
}

function damaged(digest: Digest, found: Digest): MojaboxError {
  return new MojaboxError({
    code: 'blob-corrupt',
    kind: 'bundle',
    message: `a blob was damaged in the store: ${digest}`,
    found,
    needed: digest,
    next: 'run the same command again: it is brought anew; and look after the disk of this node',
  })
}

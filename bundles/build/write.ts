import { createHash } from 'node:crypto'
import { access, constants, type FileHandle, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BlobSource } from '../format/blob-source.ts'
import { bytesText } from '../format/bytes-text.ts'
import { blobPath } from '../format/digest.ts'
import { MojaboxError } from '../format/error.ts'
import { OCI_LAYOUT } from '../format/index-json.ts'
import type { Digest } from '../format/manifest.ts'
import { corruptBlob } from '../format/read-artifact.ts'
import { END_BYTES, encodeHeader, entryBytes, paddingBytes } from '../format/tar-header.ts'
import { writeWhole } from '../format/write-whole.ts'
import { diskFull } from './disk-full.ts'
import type { CarriedBlob } from './source.ts'

export interface WriteOptions {
  path: string
  indexJson: Buffer
  /** In any order, each once. */
  blobs: CarriedBlob[]
  from: BlobSource
  signal: AbortSignal
  onBytes: (bytes: number) => void
}

/** Bytes of the bundle file that these make. */
export function bundleBytes(indexJson: Buffer, blobs: CarriedBlob[]): number {
  const content = blobs.reduce((sum, { sizeBytes }) => sum + entryBytes(sizeBytes), 0)
  return entryBytes(OCI_LAYOUT.length) + entryBytes(indexJson.length) + content + END_BYTES
}

/**
 * Writes a bundle beside its place and puts it there when it is whole; every blob's digest is checked on the way.
 * Manifests come first, then the rest, each in the order of their digests.
 * @throws MojaboxError `disk-full`, `cannot-write`, `blob-corrupt`
 */
export async function writeBundle(options: WriteOptions): Promise<void> {
  const { path, indexJson, blobs } = options
  await checkSpace(path, bundleBytes(indexJson, blobs))
  await writeWhole(path, async (file) => {
    await writeEntry(file, 'oci-layout', OCI_LAYOUT)
    await writeEntry(file, 'index.json', indexJson)
    for (const blob of [...blobs].sort(inBundleOrder)) await writeBlob(file, blob, options)
    await file.writeFile(Buffer.alloc(END_BYTES))
  }).catch((error) => Promise.reject(diskFull(error, path)))
}

function inBundleOrder(one: CarriedBlob, other: CarriedBlob): number {
  if (one.isManifest !== other.isManifest) return one.isManifest ? -1 : 1
  return one.digest < other.digest ? -1 : 1
}

async function writeEntry(file: FileHandle, name: string, content: Buffer): Promise<void> {
  await file.writeFile(
    Buffer.concat([encodeHeader(name, content.length), content, Buffer.alloc(paddingBytes(content.length))]),
  )
}

async function writeBlob(
  file: FileHandle,
  { digest, sizeBytes }: CarriedBlob,
  { from, signal, onBytes }: WriteOptions,
): Promise<void> {
  await file.writeFile(encodeHeader(blobPath(digest), sizeBytes))
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of from.read(digest)) {
    signal.throwIfAborted()
    hash.update(chunk)
    bytes += chunk.length
    await file.writeFile(chunk)
    onBytes(chunk.length)
  }
  const found: Digest = `sha256:${hash.digest('hex')}`
  if (found !== digest || bytes !== sizeBytes) throw corruptBlob(digest, found, 'a blob of the cache')
  await file.writeFile(Buffer.alloc(paddingBytes(sizeBytes)))
}

/**
 * A path that cannot be written to is told before hours of downloads.
 * @throws MojaboxError `cannot-write`
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    if ((await stat(path).catch(() => undefined))?.isDirectory())
      throw Object.assign(new Error('a folder'), { code: 'EISDIR' })
    await access(dirname(path), constants.W_OK)
  } catch (error) {
    throw diskFull(error, path)
  }
}

/**
 * A write that cannot end well is better not begun.
 * @throws MojaboxError `disk-full`
 */
export async function checkSpace(path: string, neededBytes: number): Promise<void> {
  const space = await statfs(dirname(path)).catch(() => undefined)
  if (space === undefined) return
  const freeBytes = space.bavail * space.bsize
  if (freeBytes >= neededBytes) return
  throw new MojaboxError({
    code: 'disk-full',
    kind: 'usage',
    message: `writing ${path}: not enough space`,
    found: `${bytesText(freeBytes)} free in ${dirname(path)}`,
    needed: bytesText(neededBytes),
    next: 'free some, or write elsewhere: -o FILE',
  })
}

import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { BlobSource } from './blob-source.ts'
import { type BundleFile, openBundleFile } from './bundle-file.ts'
import { MojaboxError } from './error.ts'
import { encodeIndexJson, OCI_LAYOUT } from './index-json.ts'
import { type BundleManifest, type Digest, OciIndex } from './manifest.ts'
import { parseBundleManifest, SMALL_BLOB_BYTES } from './read-artifact.ts'
import { corruptAt, type Extent, readTarIndex, type TarIndex } from './tar-index.ts'

/** A bundle whose structure and manifest are checked; its other blobs are checked by who reads them, or by `verifyBundle`. */
export interface OpenBundle extends BlobSource {
  readonly path: string
  /** Where its bytes lie: one file, or the parts that it was split into. */
  readonly paths: readonly string[]
  /** Of the whole file. */
  readonly sizeBytes: number
  readonly manifest: BundleManifest
  /** Where each blob lies, in the order of the file. */
  readonly extents: ReadonlyMap<Digest, Extent>
  /** The two files before the blobs, for who checks every byte. */
  readonly heads: readonly [Extent, Extent]
  /** Streams bytes of the file; `endBytes` is the first byte left out. */
  readRange(startBytes: number, endBytes: number): Readable
  /** Digest of a range of the file, in half the time that streaming it takes; `onBytes` hears of each piece. */
  digestOfRange(
    startBytes: number,
    endBytes: number,
    signal: AbortSignal,
    onBytes: (bytes: number) => void,
  ): Promise<Digest>
  /** Streams that are still being read fail. */
  close(): Promise<void>
}

/**
 * Opens a bundle by its headers, `index.json` and manifest: a few kilobytes, however large the file.
 * @throws MojaboxError `bundle-not-found`, `not-a-bundle`, `bundle-truncated`, `bundle-corrupt`, `part-missing`, `part-short`
 */
export async function openBundle(path: string): Promise<OpenBundle> {
  const file = await openBundleFile(path)
  try {
    const tar = await readTarIndex(file, path)
    const manifest = await readHeads(file, path, tar)
    return bundleOf(file, path, tar, manifest)
  } catch (error) {
    await file.close()
    throw error
  }
}

function bundleOf(file: BundleFile, path: string, tar: TarIndex, manifest: BundleManifest): OpenBundle {
  const readRange = (start: number, end: number): Readable =>
    Readable.from(chunksOf(file, start, end), { objectMode: false })
  return {
    path,
    paths: file.paths,
    sizeBytes: file.sizeBytes,
    manifest,
    extents: tar.blobs,
    heads: [tar.layout, tar.index],
    readRange,
    digestOfRange: (start, end, signal, onBytes) => digestOfRange(file, start, end, signal, onBytes),
    sizeOf: async (digest) => tar.blobs.get(digest)?.sizeBytes,
    read(digest, offsetBytes = 0) {
      const extent = tar.blobs.get(digest)
      if (extent === undefined) throw missing(path, digest)
      return readRange(extent.offsetBytes + offsetBytes, extent.offsetBytes + extent.sizeBytes)
    },
    close: () => file.close(),
  }
}

const CHUNK_BYTES = 256 * 1024

async function* chunksOf(file: BundleFile, startBytes: number, endBytes: number): AsyncGenerator<Buffer> {
  for (let position = startBytes; position < endBytes; ) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, endBytes - position))
    const bytesRead = await file.read(chunk, position)
    if (bytesRead === 0) throw becameShorter(position)
    position += bytesRead
    yield chunk.subarray(0, bytesRead)
  }
}

const HASHED_BYTES = 1024 * 1024

/** Two buffers take turns: one is filled while the other is hashed, and no memory is asked for anew. */
async function digestOfRange(
  file: BundleFile,
  startBytes: number,
  endBytes: number,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<Digest> {
  const roomBytes = Math.min(HASHED_BYTES, endBytes - startBytes)
  const read = async (buffer: Buffer, position: number): Promise<Buffer> => {
    const wanted = buffer.subarray(0, Math.min(roomBytes, endBytes - position))
    const bytesRead = wanted.length === 0 ? 0 : await file.read(wanted, position)
    if (bytesRead < wanted.length) throw becameShorter(position + bytesRead)
    return wanted
  }
  const hash = createHash('sha256')
  let [filled, spare] = [Buffer.allocUnsafe(roomBytes), Buffer.allocUnsafe(roomBytes)]
  let piece = await read(filled, startBytes)
  for (let position = startBytes; piece.length > 0; ) {
    signal.throwIfAborted()
    position += piece.length
    const next = read(spare, position)
    // Its fault is heard of below.
    next.catch(() => {})
    hash.update(piece)
    onBytes(piece.length)
    piece = await next
    ;[filled, spare] = [spare, filled]
  }
  return `sha256:${hash.digest('hex')}`
}

function becameShorter(position: number): Error {
  return new Error(`the file became shorter while it was read, at byte ${position}`)
}

/** Checks `oci-layout`, `index.json` and the bundle manifest against each other. */
async function readHeads(file: BundleFile, path: string, tar: TarIndex): Promise<BundleManifest> {
  const layout = await readExtent(file, path, tar.layout)
  if (!layout.equals(OCI_LAYOUT))
    throw corruptAt(path, tar.layout.offsetBytes, 'another oci-layout', OCI_LAYOUT.toString())
  const indexBytes = await readExtent(file, path, tar.index)
  const digest = firstDigest(indexBytes)
  const extent = digest === undefined ? undefined : tar.blobs.get(digest)
  if (digest === undefined || extent === undefined) {
    throw corruptAt(
      path,
      tar.index.offsetBytes,
      'an index.json that names no bundle manifest',
      'one that mojabox writes',
    )
  }
  const manifest = parseBundleManifest(await readExtent(file, path, extent), digest)
  if (!encodeIndexJson(manifest, extent.sizeBytes).equals(indexBytes)) {
    throw corruptAt(
      path,
      tar.index.offsetBytes,
      'an index.json that differs from the bundle manifest',
      'what follows from the manifest',
    )
  }
  for (const { name, descriptor } of manifest.artifacts) {
    const found = tar.blobs.get(descriptor.digest)?.sizeBytes
    if (found !== descriptor.size) {
      throw corruptAt(
        path,
        0,
        found === undefined ? `no manifest of ${name}` : `a manifest of ${name} of ${found} bytes`,
        `${descriptor.digest} of ${descriptor.size} bytes`,
      )
    }
  }
  return manifest
}

function firstDigest(indexBytes: Buffer): Digest | undefined {
  try {
    return OciIndex.parse(JSON.parse(indexBytes.toString('utf8'))).manifests[0]?.digest
  } catch {
    return undefined
  }
}

async function readExtent(file: BundleFile, path: string, { offsetBytes, sizeBytes }: Extent): Promise<Buffer> {
  if (sizeBytes > SMALL_BLOB_BYTES)
    throw corruptAt(path, offsetBytes, `${sizeBytes} bytes`, `at most ${SMALL_BLOB_BYTES} bytes`)
  const bytes = Buffer.alloc(sizeBytes)
  await file.read(bytes, offsetBytes)
  return bytes
}

function missing(path: string, digest: Digest): MojaboxError {
  return new MojaboxError({
    code: 'blob-missing',
    kind: 'bundle',
    message: `reading ${path}: it lacks a blob`,
    found: `no ${digest}`,
    needed: digest,
  })
}

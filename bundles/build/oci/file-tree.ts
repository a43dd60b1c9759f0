import { createReadStream } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { join, posix, relative, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { Pax } from 'tar'
import { MojaboxError } from '../../format/error.ts'
import { SMALL_BLOB_BYTES } from '../../format/read-artifact.ts'
import { BLOCK_BYTES, decodeHeader, paddingBytes } from '../../format/tar-header.ts'

/** The files of a folder, or of a tar that stays packed. */
export interface FileTree {
  /** Size in bytes, or undefined when there is no such file. */
  sizeOf(path: string): Promise<number | undefined>
  read(path: string, offsetBytes?: number): Readable
}

const CHUNK_BYTES = 256 * 1024
/** Of an extended header: names, and times to the nanosecond. */
const MAX_HEADER_BYTES = 1024 * 1024

/** @throws MojaboxError `local-image-invalid` */
export async function openFileTree(path: string): Promise<FileTree> {
  const info = await stat(path).catch((error) => {
    throw localImageInvalid(path, error.code === 'ENOENT' ? 'no such file or folder' : error.message)
  })
  return info.isDirectory() ? folderTree(path) : await tarTree(path, info.size)
}

/** Only what lies in the folder itself: its documents name paths, and whoever wrote them may name any. */
function folderTree(folder: string): FileTree {
  const within = (path: string): string => {
    const found = resolve(folder, path)
    if (found.startsWith(join(resolve(folder), '/'))) return found
    throw localImageInvalid(folder, `a path that leads out of it: ${path}`)
  }
  return {
    async sizeOf(path) {
      const found = within(path)
      const info = await stat(found).catch(() => undefined)
      if (!info?.isFile()) return undefined
      // A link may lead out as well.
      within(relative(await realpath(folder), await realpath(found)))
      return info.size
    },
    read: (path, start = 0) => createReadStream(within(path), { start, highWaterMark: CHUNK_BYTES }),
  }
}

/** A small file, whole; undefined when there is none, or it is too large to be a document. */
export async function readWhole(tree: FileTree, path: string): Promise<Buffer | undefined> {
  const size = await tree.sizeOf(path)
  if (size === undefined || size > SMALL_BLOB_BYTES) return undefined
  const chunks: Buffer[] = []
  for await (const chunk of tree.read(path)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

interface TarEntry {
  offsetBytes: number
  sizeBytes: number
  /** Where a symbolic link points. */
  link: string | undefined
}

async function tarTree(path: string, fileBytes: number): Promise<FileTree> {
  const file = await open(path, 'r')
  const entries = await readEntries(file, path, fileBytes).finally(() => file.close())
  const find = (name: string): TarEntry | undefined => {
    let at = name
    for (let hops = 0; hops < 8; hops += 1) {
      const entry = entries.get(at)
      if (entry?.link === undefined) return entry
      // Older versions of docker save a layer that two images share once, and link to it.
      at = posix.join(posix.dirname(at), entry.link)
    }
    return undefined
  }
  return {
    sizeOf: async (name) => find(name)?.sizeBytes,
    read(name, start = 0) {
      const entry = find(name)
      if (entry === undefined) throw localImageInvalid(path, `no ${name}`)
      if (start >= entry.sizeBytes) return createReadStream('/dev/null')
      const end = entry.offsetBytes + entry.sizeBytes - 1
      return createReadStream(path, { start: entry.offsetBytes + start, end, highWaterMark: CHUNK_BYTES })
    },
  }
}

async function readEntries(file: FileHandle, path: string, fileBytes: number): Promise<Map<string, TarEntry>> {
  const entries = new Map<string, TarEntry>()
  const block = Buffer.alloc(BLOCK_BYTES)
  let pax: Pax | undefined
  for (let position = 0; position + BLOCK_BYTES <= fileBytes; ) {
    await file.read(block, 0, BLOCK_BYTES, position)
    if (block.every((byte) => byte === 0)) break
    const header = decodeHeader(block, pax)
    if (header === undefined)
      throw localImageInvalid(path, position === 0 ? 'something else' : `a damaged tar header at byte ${position}`)
    const sizeBytes = header.size ?? 0
    const offsetBytes = position + BLOCK_BYTES
    position = offsetBytes + sizeBytes + paddingBytes(sizeBytes)
    if (position > fileBytes) throw localImageInvalid(path, 'an archive that is cut short')
    if (header.type === 'ExtendedHeader') {
      if (sizeBytes > MAX_HEADER_BYTES) throw localImageInvalid(path, `a tar header of ${sizeBytes} bytes`)
      const text = Buffer.alloc(sizeBytes)
      await file.read(text, 0, sizeBytes, offsetBytes)
      pax = Pax.parse(text.toString('utf8'))
      continue
    }
    pax = undefined
    const link = header.type === 'SymbolicLink' ? header.linkpath : undefined
    entries.set(posix.normalize(header.path ?? ''), { offsetBytes, sizeBytes, link })
  }
  return entries
}

export function localImageInvalid(path: string, found: string): MojaboxError {
  return new MojaboxError({
    code: 'local-image-invalid',
    kind: 'usage',
    message: `reading ${path}: no image to be had from it`,
    found,
    needed: 'an OCI image layout (folder or tar), or what `docker save` wrote',
    next: 'name another file or folder (--image NAME=PATH)',
  })
}

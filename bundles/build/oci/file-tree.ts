import { createReadStream } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { join, posix } from 'node:path'
import type { Readable } from 'node:stream'
import { Pax } from 'tar'
import { MojaboxError } from '../../format/error.ts'
import { BLOCK_BYTES, decodeHeader, paddingBytes } from '../../format/tar-header.ts'

/** The files of a folder, or of a tar that stays packed. */
export interface FileTree {
  /** Size in bytes, or undefined when there is no such file. */
  sizeOf(path: string): Promise<number | undefined>
  read(path: string, offsetBytes?: number): Readable
}

const CHUNK_BYTES = 256 * 1024

/** @throws MojaboxError `local-image-invalid` */
export async function openFileTree(path: string): Promise<FileTree> {
  const info = await stat(path).catch((error) => {
    throw localImageInvalid(path, error.code === 'ENOENT' ? 'no such file or folder' : error.message)
  })
  return info.isDirectory() ? folderTree(path) : await tarTree(path, info.size)
}

function folderTree(folder: string): FileTree {
  return {
    sizeOf: async (path) => (await stat(join(folder, path)).catch(() => undefined))?.size,
    read: (path, start = 0) => createReadStream(join(folder, path), { start, highWaterMark: CHUNK_BYTES }),
  }
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

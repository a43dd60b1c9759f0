import { createReadStream } from 'node:fs'
import { posix } from 'node:path'
import { type Duplex, PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import type { Descriptor, Digest } from '../../format/manifest.ts'
import type { Cache } from '../cache.ts'
import { type FileContent, readerOf, unreadIn } from './package-files.ts'

/** What one layer does to what an image has: paths as in the layer, without a slash in front. */
export interface LayerContent {
  /** What was read, by its path. */
  files: Record<string, FileContent>
  /** What of lower layers is gone: files, and folders with all that is in them. */
  removed: string[]
  /** Folders of which lower layers' content is gone; what this layer has in them stays. */
  emptied: string[]
  /** What is there and was not read, by its path: `rpm packages`. */
  unread: Record<string, string>
}

/** Larger files are no list of packages. */
const MAX_FILE_BYTES = 64 * 1024 * 1024

/** What is kept of one layer at most, bytes; a layer packs a thousand times as many into few. */
const MAX_KEPT_BYTES = 256 * 1024 * 1024
/** Of an entry that is noted by its path only. */
const NOTE_BYTES = 256

/** Linux takes no longer one. */
const MAX_PATH = 4096

/** How gzip and zstd begin. */
const COMPRESSED = [Buffer.from([0x1f, 0x8b]), Buffer.from([0x28, 0xb5, 0x2f, 0xfd])]

/** Beside a layer in the cache; another number when something else is read of it. */
const FACT = 'packages-1'

/** What a layer of the cache has; read once, then known. */
export async function layerContent(cache: Cache, layer: Descriptor, signal: AbortSignal): Promise<LayerContent> {
  const read = async (): Promise<string> => {
    const scan = scanLayer()
    const { digest, mediaType } = layer
    const file = createReadStream(cache.pathOf(digest), { highWaterMark: 1024 * 1024 })
    const write = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
      for await (const chunk of chunks) scan.write(chunk)
    }
    await pipeline(file, unpackerOf(mediaType), write, { signal })
    return JSON.stringify(scan.end())
  }
  return JSON.parse(await cache.fact(layer.digest, FACT, read)) as LayerContent
}

function unpackerOf(mediaType: string): Duplex {
  if (/[.+]gzip$/.test(mediaType)) return createGunzip({ chunkSize: 256 * 1024 })
  return /[.+]zstd$/.test(mediaType) ? createZstdDecompress() : new PassThrough()
}

/** Keeps a scan that was made while a layer was read for another purpose. */
export async function keepScan(cache: Cache, layer: Descriptor, scan: LayerScan): Promise<void> {
  await cache.fact(layer.digest, FACT, async () => JSON.stringify(scan.end()))
}

/** Makes what a layer has known of the same layer in another compression. */
export async function shareContent(cache: Cache, layer: Descriptor, same: Digest, signal: AbortSignal): Promise<void> {
  await cache.fact(same, FACT, async () => JSON.stringify(await layerContent(cache, layer, signal)))
}

/** Reads a layer as its unpacked bytes come; only the files that list packages are held. */
export interface LayerScan {
  write(chunk: Buffer): void
  end(): LayerContent
}

/** What the parser tells of an entry that it leaves out, or that is cut short. */
interface Warned {
  header?: { path?: string }
  entry?: unknown
}

export function scanLayer(maxKeptBytes = MAX_KEPT_BYTES): LayerScan {
  const content: LayerContent = { files: {}, removed: [], emptied: [], unread: {} }
  let keptBytes = 0
  const hasRoom = (bytes: number): boolean => {
    keptBytes += bytes
    if (keptBytes > maxKeptBytes) content.unread['.'] = 'more than can be listed'
    return keptBytes <= maxKeptBytes
  }
  // A runtime would not take such a layer; whoever reads the list is told that it lacks something.
  const damaged = (): void => {
    content.unread['.'] = 'a damaged layer'
  }
  const parser = new Parser({
    filter(path, entry) {
      if (!('type' in entry)) return false
      if (path.length <= MAX_PATH) return isRead(normal(path), entry, content, hasRoom)
      damaged()
      return false
    },
    onReadEntry: (entry) => keepFile(entry, content),
  })
  parser.on('warn', (code: string, _message: unknown, { header, entry }: Warned) => {
    if (code === 'TAR_ENTRY_INFO') return
    // So it also says that an archive ends which had no entry; a layer may be empty.
    if (code === 'TAR_BAD_ARCHIVE' && entry === undefined) return
    // Some versions of Docker write whiteouts as files that are links too, which the parser leaves out.
    if (!takeWhiteout(normal(header?.path ?? ''), content)) damaged()
  })
  parser.on('error', damaged)
  // What follows the end is nobody's; the parser would hold all of it.
  let over = false
  parser.on('eof', () => {
    over = true
  })
  let isTar: boolean | undefined
  return {
    write(chunk) {
      // Compressed once more than its type says, the parser would unpack it by itself, later.
      isTar ??= !COMPRESSED.some((start) => chunk.subarray(0, start.length).equals(start))
      if (isTar && !over) parser.write(chunk)
    },
    end() {
      if (isTar === false) damaged()
      else parser.end()
      return content
    },
  }
}

function normal(path: string): string {
  return posix.normalize(path).replace(/^\.?\/+|\/+$/g, '')
}

/** Notes what an entry does to lower layers, and says whether its content is wanted. */
function isRead(
  path: string,
  { type, linkpath, size }: ReadEntry,
  content: LayerContent,
  hasRoom: (bytes: number) => boolean,
): boolean {
  const noted = type === 'SymbolicLink' || type === 'Link' || posix.basename(path).startsWith('.wh.')
  if (noted && !hasRoom(NOTE_BYTES + path.length)) return false
  if (takeWhiteout(path, content)) return false
  // A link may take the place of a folder.
  if (type === 'SymbolicLink') content.removed.push(path)
  else if (type === 'Link') takeLink(path, normal(linkpath ?? ''), content)
  else if (type === 'File' || type === 'OldFile' || type === 'ContiguousFile') {
    const unread = unreadIn(path)
    if (unread !== undefined) content.unread[path] = unread
    if (readerOf(path) === undefined || !hasRoom(Math.min(size, MAX_FILE_BYTES) + NOTE_BYTES)) return false
    if (size <= MAX_FILE_BYTES) return true
    content.unread[path] = 'a list that is too large'
  }
  return false
}

/** Whether an entry only says that something of lower layers is gone. */
function takeWhiteout(path: string, { removed, emptied }: LayerContent): boolean {
  const folder = posix.dirname(path)
  const name = posix.basename(path)
  if (!name.startsWith('.wh.')) return false
  if (name === '.wh..wh..opq') emptied.push(folder)
  else removed.push(posix.join(folder, name.slice('.wh.'.length)))
  return true
}

/** A second name of a file, which stands before it in the layer. */
function takeLink(path: string, target: string, content: LayerContent): void {
  if (readerOf(path) === undefined) return
  const file = content.files[target]
  if (file === undefined) content.unread[path] = 'a list that is a link'
  else content.files[path] = file
}

function keepFile(entry: ReadEntry, { files }: LayerContent): void {
  const path = normal(entry.path)
  const chunks: Buffer[] = []
  entry.on('data', (chunk) => chunks.push(chunk))
  entry.on('end', () => {
    const content = readerOf(path)?.(Buffer.concat(chunks).toString('utf8'))
    if (content !== undefined && Object.keys(content).length > 0) files[path] = content
  })
}

import { createHash } from 'node:crypto'
import { ByteReader } from '../../format/byte-reader.ts'
import { BLOCK_BYTES, decodeHeader, entryBytes } from '../../format/tar-header.ts'

/** Where an entry of a tar lies, with what comes before its header (a long name) and after its content (padding). */
export interface TarEntry {
  path: string
  startBytes: number
  endBytes: number
  /** Of its content; empty where it has none. */
  content: string
}

/** A name longer than this is none. */
const MAX_NAME_BYTES = 1024 * 1024
/** Headers that say something of the next one: GNU's long names, POSIX's extended headers. */
const LONG_PATH = 'NextFileHasLongPath'
const EXTENDED = 'ExtendedHeader'
const SAYS_OF_NEXT: string[] = [LONG_PATH, 'NextFileHasLongLinkpath', EXTENDED, 'OldExtendedHeader']

/** The whole entries of a tar up to its end, or to where it is none any more. */
export async function tarEntries(chunks: AsyncIterable<Buffer>): Promise<TarEntry[]> {
  const reader = new ByteReader(chunks)
  const entries: TarEntry[] = []
  let [startBytes, at] = [0, 0]
  let said: { path?: string; sizeBytes?: number } = {}
  for (;;) {
    const header = decodeHeader(await reader.take(BLOCK_BYTES))
    if (header === undefined || header.nullBlock) break
    const sizeBytes = said.sizeBytes ?? header.size ?? 0
    const padded = entryBytes(sizeBytes) - BLOCK_BYTES
    at += BLOCK_BYTES + padded
    if (SAYS_OF_NEXT.includes(header.type)) {
      if (padded > MAX_NAME_BYTES) break
      said = { ...said, ...saidBy(header.type, (await reader.take(padded)).subarray(0, sizeBytes).toString('utf8')) }
      continue
    }
    const content = await digestOf(reader, sizeBytes)
    if (content === undefined || (await reader.take(padded - sizeBytes)).length < padded - sizeBytes) break
    entries.push({ path: said.path ?? header.path ?? '', startBytes, endBytes: at, content })
    startBytes = at
    said = {}
  }
  await reader.close()
  return entries
}

function saidBy(type: string, text: string): { path?: string; sizeBytes?: number } {
  if (type === LONG_PATH) return { path: text.replace(/\0.*$/s, '') }
  const [path, size] = ['path', 'size'].map((key) => new RegExp(`^\\d+ ${key}=(.*)$`, 'm').exec(text)?.[1])
  return { ...(path !== undefined && { path }), ...(size !== undefined && { sizeBytes: Number(size) }) }
}

/** Undefined where the tar ends within. */
async function digestOf(reader: ByteReader, sizeBytes: number): Promise<string | undefined> {
  if (sizeBytes === 0) return ''
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of reader.pieces(sizeBytes)) {
    hash.update(piece)
    bytes += piece.length
  }
  return bytes === sizeBytes ? hash.digest('base64') : undefined
}

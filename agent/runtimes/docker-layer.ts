import { createHash } from 'node:crypto'
import { closeSync, constants, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { z } from 'zod'
import type { RangeSource } from '../../bundles/format/apply-patch.ts'
import type { DockerFacts } from '../contract/facts.ts'

/** Where Docker's own store keeps a layer. */
export interface DockerLayer {
  /** What it keeps of the layer's tar beside the unpacked files. */
  tarSplitPath: string
  /** The unpacked files. */
  filesPath: string
}

/** Headers and padding are held while a layer is read: of some hundred thousand files this much, of more it is not read. */
const MAX_HEAD_BYTES = 192 * 1024 * 1024

/** A line of `tar-split.json.gz` (vbatts/tar-split): a file's content, or the bytes between. */
const Line = z.union([
  z.object({
    type: z.literal(1),
    name: z.string().default(''),
    name_raw: z.string().optional(),
    size: z.number().default(0),
  }),
  z.object({ type: z.literal(2), payload: z.string() }),
])
type Line = z.infer<typeof Line>

/** The chain ID of a stack of layers, from the lowest on: by it Docker's own store names the top one. */
function chainIdOf(stack: string[]): string {
  return stack.reduce((below, diffId) => `sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}`)
}

/** The top layer of a stack (diff IDs, from the lowest on); undefined where it cannot be read: another store or driver. */
export async function findDockerLayer(
  { imageStore, storageDriver, rootDir }: DockerFacts,
  stack: string[],
): Promise<DockerLayer | undefined> {
  if (imageStore !== 'classic' || storageDriver !== 'overlay2' || rootDir === null || stack.length === 0)
    return undefined
  const chainId = chainIdOf(stack).slice('sha256:'.length)
  const layer = join(rootDir, 'image', storageDriver, 'layerdb', 'sha256', chainId)
  try {
    const cacheId = (await readFile(join(layer, 'cache-id'), 'utf8')).trim()
    const found = {
      tarSplitPath: join(layer, 'tar-split.json.gz'),
      filesPath: join(rootDir, storageDriver, cacheId, 'diff'),
    }
    await Promise.all(Object.values(found).map((path) => access(path, constants.R_OK)))
    return found
  } catch {
    return undefined
  }
}

/** Bytes of a layer's tar. @throws when Docker's note of it cannot be read */
export async function tarBytesOf({ tarSplitPath }: DockerLayer): Promise<number> {
  let bytes = 0
  for await (const line of linesOf(tarSplitPath)) bytes += line.type === 1 ? line.size : byteLength(line.payload)
  return bytes
}

/** Of what base64 stands for. */
function byteLength(base64: string): number {
  return Buffer.byteLength(base64, 'base64')
}

async function* linesOf(path: string): AsyncGenerator<Line> {
  const text = createGunzip().setEncoding('utf8')
  // Its failure is the reader's: the stream ends with it.
  pipeline(createReadStream(path), text).catch(() => {})
  let rest = ''
  try {
    for await (const chunk of text as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) yield Line.parse(JSON.parse(line))
    }
    if (rest !== '') yield Line.parse(JSON.parse(rest))
  } finally {
    text.destroy()
  }
}

/** A piece of the tar: bytes that Docker kept, or a file's content. */
interface Piece {
  startBytes: number
  endBytes: number
  from: Buffer | { path: string | Buffer }
}

/**
 * The tar that a layer was unpacked from, read where it lies, as Docker itself puts it together for `docker save`. It is
 * to be checked: nothing keeps anybody from changing those files.
 * @throws when Docker's note of it cannot be read
 */
export async function openDockerLayer({ tarSplitPath, filesPath }: DockerLayer): Promise<RangeSource> {
  const pieces: Piece[] = []
  let [at, headBytes] = [0, 0]
  const add = (bytes: number, from: Piece['from']): void => {
    if (bytes > 0) pieces.push({ startBytes: at, endBytes: at + bytes, from })
    at += bytes
  }
  for await (const line of linesOf(tarSplitPath)) {
    if (line.type === 1) {
      add(line.size, { path: pathOf(filesPath, line) })
      continue
    }
    const bytes = Buffer.from(line.payload, 'base64')
    headBytes += bytes.length
    if (headBytes > MAX_HEAD_BYTES) throw new Error(`a layer with more than ${MAX_HEAD_BYTES} bytes of headers`)
    add(bytes.length, bytes)
  }
  return rangesOf(pieces)
}

/** A name that is no UTF-8 is kept as bytes beside. */
function pathOf(folder: string, { name, name_raw: raw }: Extract<Line, { type: 1 }>): string | Buffer {
  if (raw !== undefined) return Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(raw, 'base64')])
  const path = join(folder, name)
  if (!`${path}/`.startsWith(`${folder}/`)) throw new Error(`${name} lies outside of its layer`)
  return path
}

function rangesOf(pieces: Piece[]): RangeSource {
  const sizeBytes = pieces.at(-1)?.endBytes ?? 0
  return {
    sizeBytes,
    async read(offsetBytes, target) {
      const endBytes = offsetBytes + target.length
      if (endBytes > sizeBytes) throw new Error(`no byte ${endBytes} in a layer of ${sizeBytes}`)
      for (const piece of piecesFrom(pieces, offsetBytes)) {
        if (piece.startBytes >= endBytes) break
        const from = Math.max(offsetBytes, piece.startBytes)
        const to = Math.min(endBytes, piece.endBytes)
        fill(target.subarray(from - offsetBytes, to - offsetBytes), piece, from - piece.startBytes)
      }
    },
  }
}

/** Those that end after that byte. */
function* piecesFrom(pieces: Piece[], offsetBytes: number): Generator<Piece> {
  let [low, high] = [0, pieces.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((pieces[middle]?.endBytes ?? 0) <= offsetBytes) low = middle + 1
    else high = middle
  }
  for (let at = low; at < pieces.length; at++) yield pieces[at] as Piece
}

/** Small files by the thousand: one after the other they are read several times quicker than over the thread pool. */
function fill(target: Buffer, { from }: Piece, offset: number): void {
  if (Buffer.isBuffer(from)) {
    from.copy(target, 0, offset, offset + target.length)
    return
  }
  const file = openSync(from.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    if (!fstatSync(file).isFile()) throw new Error(`${from.path} is no file`)
    for (let done = 0; done < target.length; ) {
      const bytesRead = readSync(file, target, done, target.length - done, offset + done)
      if (bytesRead === 0) throw new Error(`${from.path} is shorter than it was`)
      done += bytesRead
    }
  } finally {
    closeSync(file)
  }
}

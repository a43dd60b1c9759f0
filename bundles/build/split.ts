import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { digestOfStream } from '../format/digest.ts'
import { MojaboxError } from '../format/error.ts'
import type { OpenBundle } from '../format/open.ts'
import { MAX_PARTS, partNumbers, partPath, wholePath } from '../format/parts.ts'
import { copySignatures, readEnvelope } from '../format/signature.ts'
import { writeWhole } from '../format/write-whole.ts'
import { diskFull } from './disk-full.ts'
import { checkSpace, checkWritable } from './write.ts'

export interface SplitOptions {
  bundle: OpenBundle
  /** Where the parts go; beside the bundle when undefined. */
  folder: string | undefined
  /** Of each part but the last. */
  partBytes: number
  signal: AbortSignal
  onProgress: (doneBytes: number, totalBytes: number) => void
}

export interface Part {
  path: string
  bytes: number
  /** It was there already, from a run that was interrupted. */
  kept: boolean
}

export interface Split {
  parts: Part[]
  /** Of the bundle's signatures beside the parts; undefined where it has none, or the parts lie beside it. */
  signatures: string | undefined
}

interface Piece {
  path: string
  startBytes: number
  endBytes: number
}

/**
 * Splits a bundle into parts: `hub.tar.001`, `hub.tar.002` … Parts that are there with the right content are kept;
 * anything else under a part's name is refused before the first byte is written. Its signatures go along.
 * @throws MojaboxError `too-many-parts`, `part-exists`, `disk-full`, `cannot-write`, `file-too-large`, `signature-invalid`
 */
export async function splitBundle(options: SplitOptions): Promise<Split> {
  const { bundle, partBytes, signal } = options
  const whole = wholePath(bundle.path)
  const path = join(options.folder ?? dirname(whole), basename(whole))
  const pieces = piecesOf(path, bundle.sizeBytes, partBytes)
  await checkWritable(path)
  // One that cannot be read is told before gigabytes are written.
  await readEnvelope(whole)
  await refuseOthers(path, pieces.length)
  let doneBytes = 0
  const advance = (bytes: number): void => {
    doneBytes += bytes
    options.onProgress(doneBytes, bundle.sizeBytes)
  }
  const parts: Part[] = []
  for (const piece of pieces) {
    const kept = await isThere(piece, bundle, signal, advance)
    parts.push({ path: piece.path, bytes: piece.endBytes - piece.startBytes, kept })
  }
  const lacking = pieces.filter((_, at) => parts[at]?.kept !== true)
  await checkSpace(
    path,
    lacking.reduce((sum, { startBytes, endBytes }) => sum + endBytes - startBytes, 0),
  )
  for (const { path, startBytes, endBytes } of lacking) {
    await writeWhole(path, async (file) => {
      for await (const chunk of bundle.readRange(startBytes, endBytes)) {
        signal.throwIfAborted()
        await file.writeFile(chunk)
        advance(chunk.length)
      }
    }).catch((error) => Promise.reject(diskFull(error, path)))
  }
  const signatures = await copySignatures(whole, path).catch((error) => Promise.reject(diskFull(error, path)))
  return { parts, signatures }
}

function piecesOf(path: string, sizeBytes: number, partBytes: number): Piece[] {
  const count = Math.ceil(sizeBytes / partBytes)
  if (count > MAX_PARTS) {
    throw new MojaboxError({
      code: 'too-many-parts',
      kind: 'usage',
      message: `splitting ${basename(path)}: the parts would be too many`,
      found: `${count} parts of ${partBytes} bytes`,
      needed: `at most ${MAX_PARTS} parts`,
      next: `name a larger size: --size ${Math.ceil(sizeBytes / MAX_PARTS)}, or more`,
    })
  }
  return Array.from({ length: count }, (_, at) => ({
    path: partPath(path, at + 1),
    startBytes: at * partBytes,
    endBytes: Math.min((at + 1) * partBytes, sizeBytes),
  }))
}

/** A part beyond the last would be read as one of this bundle's. */
async function refuseOthers(path: string, count: number): Promise<void> {
  const other = (await partNumbers(path)).find((number) => number > count)
  if (other !== undefined) throw exists(partPath(path, other), `parts 001 to ${partPath('', count).slice(1)} only`)
}

/** Whether a part is there; its content is compared, as a name and a size say little. */
async function isThere(
  { path, startBytes, endBytes }: Piece,
  bundle: OpenBundle,
  signal: AbortSignal,
  advance: (bytes: number) => void,
): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return false
  const bytes = endBytes - startBytes
  if (found.size !== bytes) throw exists(path, `that part of this bundle: ${bytes} bytes, not ${found.size}`)
  const wanted = await digestOfStream(bundle.readRange(startBytes, endBytes), signal, () => {})
  const there = await digestOfStream(createReadStream(path), signal, advance)
  if (there !== wanted) throw exists(path, 'that part of this bundle')
  return true
}

function exists(path: string, needed: string): MojaboxError {
  return new MojaboxError({
    code: 'part-exists',
    kind: 'usage',
    message: `splitting: ${path} is there, and is not what would be written`,
    found: `another ${basename(path)}`,
    needed,
    next: `remove ${path}, or split into another folder: -o FOLDER`,
  })
}

import { type FileHandle, open } from 'node:fs/promises'
import { MojaboxError } from './error.ts'
import { filesOf } from './parts.ts'

/** A bundle's bytes, whether they lie in one file or in parts. */
export interface BundleFile {
  /** The file, or its parts in order. */
  readonly paths: readonly string[]
  /** Of each of them, in bytes. */
  readonly sizes: readonly number[]
  readonly sizeBytes: number
  /** Fills the buffer from a position on; gives fewer bytes than it holds only at the end. */
  read(buffer: Buffer, positionBytes: number): Promise<number>
  close(): Promise<void>
}

interface Piece {
  file: FileHandle
  startBytes: number
  endBytes: number
}

/**
 * Opens what a bundle's name stands for: a file, or the parts that it was split into.
 * @throws MojaboxError `bundle-not-found`, `part-missing`, `part-short`, `part-not-first`
 */
export async function openBundleFile(path: string): Promise<BundleFile> {
  const paths = await filesOf(path)
  const pieces: Piece[] = []
  const close = async (): Promise<void> => {
    await Promise.all(pieces.map(({ file }) => file.close()))
  }
  try {
    for (const part of paths) {
      const file = await openFile(part)
      const startBytes = pieces.at(-1)?.endBytes ?? 0
      pieces.push({ file, startBytes, endBytes: startBytes })
      const stat = await file.stat()
      if (!stat.isFile()) throw notFound(part, stat.isDirectory() ? 'a directory' : 'not a regular file')
      pieces[pieces.length - 1] = { file, startBytes, endBytes: startBytes + stat.size }
    }
  } catch (error) {
    await close()
    throw error
  }
  const sizes = pieces.map(({ startBytes, endBytes }) => endBytes - startBytes)
  const sizeBytes = pieces.at(-1)?.endBytes ?? 0
  return { paths, sizes, sizeBytes, read: (buffer, position) => readPieces(pieces, buffer, position), close }
}

async function readPieces(pieces: readonly Piece[], buffer: Buffer, positionBytes: number): Promise<number> {
  let done = 0
  while (done < buffer.length) {
    const at = positionBytes + done
    const piece = pieces.find(({ startBytes, endBytes }) => at >= startBytes && at < endBytes)
    if (piece === undefined) break
    const wanted = Math.min(buffer.length - done, piece.endBytes - at)
    const { bytesRead } = await piece.file.read(buffer, done, wanted, at - piece.startBytes)
    // It became shorter since it was opened.
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw notFound(path, code === 'ENOENT' ? 'no such file' : message, error)
  }
}

function notFound(path: string, found: string, cause?: unknown): MojaboxError {
  return new MojaboxError(
    {
      code: 'bundle-not-found',
      kind: 'bundle',
      message: `opening ${path}: cannot be read as a bundle`,
      found,
      needed: 'a bundle file that this user may read',
      next: 'name the bundle, or build one: mojabox bundle build SPEC -o FILE',
    },
    { cause },
  )
}

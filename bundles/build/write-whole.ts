import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { diskFull } from './disk-full.ts'

/**
 * Writes a file beside its place and puts it there when it is whole: after a failure nothing of it is left.
 * @throws MojaboxError `disk-full`, `cannot-write`, `file-too-large`, and what `write` throws
 */
export async function writeWhole(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const partial = `${path}.partial`
  const file = await open(partial, 'w').catch((error) => Promise.reject(diskFull(error, path)))
  try {
    await write(file)
    await file.sync()
    await file.close()
    await rename(partial, path)
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(partial, { force: true })
    throw diskFull(error, path)
  }
}

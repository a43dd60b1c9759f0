import { type FileHandle, open, rename, rm } from 'node:fs/promises'

/** Ends the name of a file, or link, that is being made beside its place. */
export const PARTIAL = '.partial'

/**
 * Writes a file beside its place and puts it there once it is whole and on the disk. After a failure nothing of it is left;
 * what a power cut leaves has the name that the next try takes, so that does not stay either.
 * @param mode whatever the umask is; by default what it leaves of 0666
 * @throws Error of the system, and what `write` throws
 */
export async function writeWhole(
  path: string,
  write: (file: FileHandle) => Promise<void>,
  mode?: number,
): Promise<void> {
  const partial = `${path}${PARTIAL}`
  await rm(partial, { force: true })
  try {
    const file = await open(partial, 'wx', mode)
    try {
      await write(file)
      if (mode !== undefined) await file.chmod(mode)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {})
    throw error
  }
}

import { mkdir } from 'node:fs/promises'

/**
 * As `mkdir -p`. On a read-only file system Node's own says that something does not exist: asked for that one folder
 * alone, the system says why.
 * @param mode of the folders that are made; by default what the umask leaves of 0777
 * @throws Error of the system
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, { recursive: true, ...(mode !== undefined && { mode }) })
  } catch (error) {
    const { code, path: missing } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' || missing === undefined) throw error
    await mkdir(missing, mode)
    await makeFolder(path, mode)
  }
}

import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * As `mkdir -p`. On a read-only file system Node's own says that something does not exist: asked for one folder after the
 * other, the system says why.
 * @param mode of the folders that are made; by default what the umask leaves of 0777
 * @throws Error of the system
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, { recursive: true, ...(mode !== undefined && { mode }) })
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path), mode)
    await mkdir(path, mode).catch((why) => {
      if (codeOf(why) !== 'EEXIST') throw why
    })
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

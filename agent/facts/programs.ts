import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Where a program lies, whatever PATH says; null when it is not installed. */
export async function findProgram(name: string, moreFolders: readonly string[] = []): Promise<string | null> {
  for (const folder of [...FOLDERS, ...moreFolders]) {
    const path = join(folder, name)
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return path
  }
  return null
}

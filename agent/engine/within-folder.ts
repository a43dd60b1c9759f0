import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm, rmdir, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { PARTIAL } from '../../bundles/format/write-whole.ts'

/**
 * Files below a folder that others write to as well, as root without being led out of it: a name is looked up in a folder
 * that is held open (`/proc/self/fd`, as `openat` would), and no link on the way is followed, whenever it was put there.
 */
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** Without waiting for who would write into a pipe. */
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

const nameIn = (folder: FileHandle, name: string): string => `/proc/self/fd/${folder.fd}/${name}`

/** Puts a file there, whole or not at all; what is no folder on the way is replaced by one. */
export async function placeWithin(root: string, path: string, bytes: Uint8Array, mode: number): Promise<void> {
  await inFolderOf(root, path, true, async (folder, name) => {
    const made = nameIn(folder, `.${name}${PARTIAL}`)
    await rm(made, { recursive: true, force: true })
    try {
      const file = await open(made, 'wx', mode)
      try {
        await file.writeFile(bytes)
        await file.chmod(mode)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(made, nameIn(folder, name)).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EISDIR') throw error
        await rm(nameIn(folder, name), { recursive: true })
        await rename(made, nameIn(folder, name))
      })
    } finally {
      await rm(made, { force: true })
    }
  })
}

/** The bytes of a file there; undefined when there is no such file, or it has more than `maxBytes`. */
export async function readWithin(root: string, path: string, maxBytes: number): Promise<Buffer | undefined> {
  return inFolderOf(root, path, false, async (folder, name) => {
    const file = await open(nameIn(folder, name), FILE).catch(() => undefined)
    try {
      const found = await file?.stat()
      if (!file || !found?.isFile() || found.size > maxBytes) return undefined
      return await file.readFile()
    } finally {
      await file?.close()
    }
  })
}

/** Removes a file or link there, and the folders that are empty without it. */
export async function removeWithin(root: string, path: string): Promise<void> {
  await inFolderOf(root, path, false, (folder, name) => unlink(nameIn(folder, name)).catch(() => {}))
  for (let above = dirname(path); above !== '.'; above = dirname(above)) {
    const emptied = await inFolderOf(root, above, false, async (folder, name) =>
      rmdir(nameIn(folder, name)).then(
        () => true,
        () => false,
      ),
    )
    if (!emptied) break
  }
}

/** Does something with a name in the folder that holds it; undefined where that folder is not there. */
async function inFolderOf<T>(
  root: string,
  path: string,
  make: boolean,
  act: (folder: FileHandle, name: string) => Promise<T>,
): Promise<T | undefined> {
  const names = path.split('/')
  const last = names.pop() ?? ''
  if ([...names, last].some((name) => name === '' || name === '.' || name === '..'))
    throw new Error(`a path that leads out of ${root}: ${path}`)
  let folder = await open(root, FOLDER).catch(() => undefined)
  try {
    for (const name of names) {
      if (!folder) return undefined
      const above: FileHandle = folder
      folder = await folderIn(above, name, make).finally(() => above.close())
    }
    return folder && (await act(folder, last))
  } finally {
    await folder?.close().catch(() => {})
  }
}

async function folderIn(above: FileHandle, name: string, make: boolean): Promise<FileHandle | undefined> {
  const path = nameIn(above, name)
  const found = await open(path, FOLDER).catch(() => undefined)
  if (found || !make) return found
  await unlink(path).catch(() => {})
  await mkdir(path, { mode: 0o755 })
  return open(path, FOLDER)
}

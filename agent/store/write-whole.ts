import { open, rename, rm } from 'node:fs/promises'

/** Of a file that is being written, beside the place that it goes to. */
export const PARTIAL = '.partial'

/**
 * Writes a file beside its place and puts it there once it is whole and on the disk. What a power cut leaves of it has the
 * name that the next try takes, so nothing of it stays.
 * @throws Error of the system
 */
export async function writeWhole(
  path: string,
  content: string,
  { mode, owner }: { mode: number; owner?: { uid: number; gid: number } },
): Promise<void> {
  const partial = `${path}${PARTIAL}`
  await rm(partial, { force: true })
  try {
    const file = await open(partial, 'wx', mode)
    try {
      await file.writeFile(content)
      if (owner) await file.chown(owner.uid, owner.gid)
      await file.chmod(mode)
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

import { readdir, rm, rmdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { NODE_PATHS } from '../contract/paths.ts'

/**
 * Takes away what mojabox kept on this node for itself. Without `deleteData` the secrets stay: the data of the
 * services cannot be read without them.
 */
export async function forgetNode(deleteData: boolean): Promise<void> {
  const secrets = basename(NODE_PATHS.secrets)
  for (const name of await readdir(NODE_PATHS.root).catch(() => [])) {
    if (name === secrets && !deleteData) continue
    await rm(join(NODE_PATHS.root, name), { recursive: true, force: true })
  }
  await rmdir(NODE_PATHS.secrets).catch(() => {})
  await rmdir(NODE_PATHS.root).catch(() => {})
}

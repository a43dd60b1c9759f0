import { readdir, rm, rmdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { NODE_PATHS } from '../contract/paths.ts'

/**
 * Takes away what mojabox kept on this node for itself. Where data stays (`keepsData`), so do its secrets, without which
 * it cannot be read, and the journal, which knows how to take it away later.
 */
export async function forgetNode(keepsData: boolean): Promise<void> {
  const stays = keepsData ? [basename(NODE_PATHS.secrets), basename(NODE_PATHS.journal)] : []
  for (const name of await readdir(NODE_PATHS.root).catch(() => [])) {
    if (!stays.includes(name)) await rm(join(NODE_PATHS.root, name), { recursive: true, force: true })
  }
  await rmdir(NODE_PATHS.root).catch(() => {})
}

import { lstat, mkdir, readlink, rename, symlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Json, StepHandler } from '../../contract/step.ts'
import { missingFolders, notOurs, putBack } from './file.ts'

export interface LinkParams {
  path: string
  target: string
}

/** A symbolic link; a link or small file that was there comes back with undo. */
export const link: StepHandler<LinkParams> = {
  describe: (params) => `${params.path} → ${params.target}`,

  async isDone(_context, params) {
    const found = await lstat(params.path).catch(() => undefined)
    // A program that a person put there is theirs, and does as well.
    if (found?.isFile()) return true
    return (await readlink(params.path).catch(() => '')) === params.target
  },

  async before(_context, params): Promise<Json> {
    const found = await lstat(params.path).catch(() => undefined)
    if (found && !found.isSymbolicLink()) throw notOurs(params.path)
    const there: Json = found ? { type: 'link', target: await readlink(params.path) } : { type: 'none' }
    return { there, madeFolders: await missingFolders(params.path) }
  },

  async apply(_context, params) {
    await mkdir(dirname(params.path), { recursive: true })
    await symlink(params.target, `${params.path}.mojabox`).catch((error) => {
      if (error.code !== 'EEXIST') throw error
    })
    await rename(`${params.path}.mojabox`, params.path)
  },

  undo: (_context, params, before) => putBack(params.path, before),
}

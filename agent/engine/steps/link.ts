import { lstat, readlink, rename, rm, symlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { PARTIAL } from '../../../bundles/format/write-whole.ts'
import type { Json, StepHandler } from '../../contract/step.ts'
import { makeFolder } from '../../store/make-folder.ts'
import { missingFolders, notOurs, putBack } from './file.ts'

export interface LinkParams {
  path: string
  target: string
}

/** A symbolic link; a link or small file that was there comes back with undo. */
export const link: StepHandler<LinkParams> = {
  describe: (params) => `${params.path} -> ${params.target}`,

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
    await makeFolder(dirname(params.path))
    const made = `${params.path}${PARTIAL}`
    await rm(made, { force: true })
    await symlink(params.target, made)
    await rename(made, params.path)
  },

  undo: (_context, params, before) => putBack(params.path, before),
}

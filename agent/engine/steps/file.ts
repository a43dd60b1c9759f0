import { createHash } from 'node:crypto'
import {
  chmod,
  chown,
  type FileHandle,
  lstat,
  readFile,
  readlink,
  rm,
  rmdir,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname } from 'node:path'
import { MojaboxError } from '../../../bundles/format/error.ts'
import { PARTIAL, writeWhole } from '../../../bundles/format/write-whole.ts'
import type { Json, StepContext, StepHandler } from '../../contract/step.ts'
import { makeFolder } from '../../store/make-folder.ts'
import { fillSecrets } from '../../store/secrets.ts'

/** A file with that content, owner and mode. `{{secret:NAME}}` in the content is filled in on the node, when it is written. */
export interface FileParams {
  path: string
  content: string
  mode: number
  uid: number
  gid: number
  title: string
}

/** Larger files that were there before are not ours to replace. */
const MAX_KEPT_BYTES = 256 * 1024

export const file: StepHandler<FileParams> = {
  describe: (params) => params.title,

  async isDone(_context, params) {
    const found = await lstat(params.path).catch(() => undefined)
    if (!found?.isFile() || (found.mode & 0o7777) !== params.mode) return false
    if (found.uid !== params.uid || found.gid !== params.gid) return false
    return (await readFile(params.path, 'utf8')) === (await fillSecrets(params.content))
  },

  async before(_context, params): Promise<Json> {
    return { there: await whatIsThere(params.path), madeFolders: await missingFolders(params.path) }
  },

  async apply(_context, params) {
    await makeFolder(dirname(params.path), 0o755)
    // What a link at this path points to is not ours to write.
    if ((await lstat(params.path).catch(() => undefined))?.isSymbolicLink()) await rm(params.path)
    const { path, mode, uid, gid } = params
    const content = await fillSecrets(params.content)
    const write = async (made: FileHandle) => {
      await made.writeFile(content)
      await made.chown(uid, gid)
    }
    await writeWhole(path, write, mode)
  },

  async undo(_context: StepContext, params, before) {
    await putBack(params.path, before)
  },
}

type There =
  | { type: 'none' }
  | { type: 'file'; base64: string; mode: number; uid: number; gid: number; sha256: string }
  | { type: 'link'; target: string }

async function whatIsThere(path: string): Promise<There> {
  const found = await lstat(path).catch(() => undefined)
  if (!found) return { type: 'none' }
  if (found.isSymbolicLink()) return { type: 'link', target: await readlink(path) }
  if (!found.isFile() || found.size > MAX_KEPT_BYTES) throw notOurs(path)
  const content = await readFile(path)
  const sha256 = createHash('sha256').update(content).digest('hex')
  return {
    type: 'file',
    base64: content.toString('base64'),
    mode: found.mode & 0o7777,
    uid: found.uid,
    gid: found.gid,
    sha256,
  }
}

/** The folders above `path` that do not exist yet, outermost first. */
export async function missingFolders(path: string): Promise<string[]> {
  const missing: string[] = []
  for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) {
    if (await stat(folder).catch(() => undefined)) break
    missing.unshift(folder)
  }
  return missing
}

/** Undoes one file or link, and the folders that were made for it when they are empty by now. */
export async function putBack(path: string, before: Json): Promise<void> {
  const { there, madeFolders } = (before ?? {}) as { there?: There; madeFolders?: string[] }
  for (const each of [path, `${path}${PARTIAL}`]) await rm(each, { force: true })
  if (there?.type === 'file') {
    await writeFile(path, Buffer.from(there.base64, 'base64'), { mode: there.mode })
    await chown(path, there.uid, there.gid)
    await chmod(path, there.mode)
  } else if (there?.type === 'link') await symlink(there.target, path)
  for (const folder of (madeFolders ?? []).toReversed()) await rmdir(folder).catch(() => {})
}

/** Something else lies where mojabox would write. */
export function notOurs(path: string): MojaboxError {
  return new MojaboxError({
    code: 'path-taken',
    kind: 'step',
    message: `${path} is there already and is not ours to replace`,
    found: 'something else than a link or a small file',
    needed: 'a free path',
    next: `move it away (mv ${path} ${path}.old), then run the same command again`,
  })
}

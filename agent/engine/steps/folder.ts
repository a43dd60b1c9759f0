import { chown, lstat, readFile, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { digestOf } from '../../../bundles/format/digest.ts'
import { MojaboxError } from '../../../bundles/format/error.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { SMALL_BLOB_BYTES } from '../../../bundles/format/read-artifact.ts'
import { writeWhole } from '../../../bundles/format/write-whole.ts'
import type { StepHandler } from '../../contract/step.ts'
import { makeFolder } from '../../store/make-folder.ts'
import { placeWithin, readWithin, removeWithin } from '../within-folder.ts'

export interface FolderParams {
  path: string
  /** Whose it is: the user of the services that mount it. */
  uid: number
  /** Files of the bundle that lie in it, by their paths below it. */
  files: { path: string; digest: Digest }[]
}

/**
 * Names what came from a bundle, so that it goes when a later bundle lacks it; the rest is the site's own. Beside the
 * folder, where only root writes: into the folder itself a service may, and root removes what is named here.
 */
function placedPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.from-bundle.json`)
}

/**
 * A folder that services mount, with files of the bundle in it. They may write there: root follows no link of theirs. What others
 * put there stays, unless data is deleted.
 */
export const folder: StepHandler<FolderParams> = {
  keepsData: true,

  describe: ({ path, files }) =>
    files.length > 0 ? `folder ${path}, ${files.length} files of the bundle` : `folder ${path}`,

  async isDone(_context, { path, uid, files }) {
    const found = await lstat(path).catch(() => undefined)
    if (!found?.isDirectory() || found.uid !== uid) return false
    const placed = await placedIn(path)
    if (placed.length !== files.length || files.some((file) => !placed.includes(file.path))) return false
    const digests = await Promise.all(files.map((file) => digestOfFile(path, file.path)))
    return files.every(({ digest }, index) => digests[index] === digest)
  },

  async apply({ bundle }, { path, uid, files }) {
    await makeFolder(path, 0o755)
    await chown(path, uid, uid)
    const wanted = files.map((file) => file.path)
    for (const gone of (await placedIn(path)).filter((each) => !wanted.includes(each))) await removeWithin(path, gone)
    for (const { path: below, digest } of files) {
      if ((await digestOfFile(path, below)) === digest) continue
      if (!bundle) throw noBundle(join(path, below))
      await placeWithin(path, below, await bundle.readBlob(digest), 0o644)
    }
    if (wanted.length === 0) await rm(placedPath(path), { force: true })
    else await writeWhole(placedPath(path), (list) => list.writeFile(JSON.stringify(wanted)), 0o644)
  },

  async undo({ order }, { path }) {
    const placed = await placedIn(path)
    await rm(placedPath(path), { force: true })
    if (order.deleteData) return rm(path, { recursive: true, force: true })
    for (const each of placed) await removeWithin(path, each)
    await rmdir(path).catch(() => {})
  },
}

async function placedIn(path: string): Promise<string[]> {
  const text = await readFile(placedPath(path), 'utf8').catch(() => '[]')
  try {
    return JSON.parse(text) as string[]
  } catch {
    return []
  }
}

/** Undefined where there is no such file. */
async function digestOfFile(folder: string, path: string): Promise<Digest | undefined> {
  const bytes = await readWithin(folder, path, SMALL_BLOB_BYTES)
  return bytes && digestOf(bytes)
}

function noBundle(path: string): MojaboxError {
  return new MojaboxError({
    code: 'bundle-needed',
    kind: 'step',
    message: `${path} comes from the bundle`,
    found: 'no bundle in this run',
    needed: 'an install',
    next: 'mojabox install',
  })
}

import { mkdir, readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { refuseOtherBase, withBase } from '../../bundles/format/delta.ts'
import { type OpenBundle, openBundle } from '../../bundles/format/open.ts'
import { verifyBundle } from '../../bundles/format/verify.ts'
import type { Io } from '../cli/io.ts'
import { createProgress } from '../render/progress.ts'

/**
 * Opens a bundle and checks every blob of it. A file that was checked before and has the same size, time and inode is
 * not read again; the node checks each blob once more as it arrives.
 * @throws MojaboxError kind bundle
 */
async function openVerified(path: string, io: Io): Promise<OpenBundle> {
  const bundle = await openBundle(path)
  try {
    const seal = [bundle.manifest.digest, ...(await Promise.all(bundle.paths.map(identityOf)))].join(' ')
    const sealPath = join(cacheFolder(io.env), 'verified', bundle.manifest.digest.replace(':', '-'))
    if ((await readFile(sealPath, 'utf8').catch(() => '')) === seal) return bundle
    const progress = createProgress(io, 'checking the bundle')
    try {
      await verifyBundle(bundle, { signal: io.signal, onProgress: (done, total) => progress.update(done, total) })
    } finally {
      progress.done()
    }
    // A home that cannot be written to only means checking again next time.
    await mkdir(join(cacheFolder(io.env), 'verified'), { recursive: true })
      .then(() => writeFileAtomic(sealPath, seal))
      .catch(() => {})
    return bundle
  } catch (error) {
    await bundle.close()
    throw error
  }
}

/**
 * The same, of a delta together with its base where one is named; a whole bundle needs none.
 * @throws MojaboxError kind bundle, `base-differs` when they are not whole together
 */
export async function openWithBase(path: string, basePath: string | undefined, io: Io): Promise<OpenBundle> {
  const bundle = await openVerified(path, io)
  if (basePath === undefined || bundle.manifest.base === undefined) return bundle
  try {
    const base = await openVerified(basePath, io)
    await refuseOtherBase(bundle, base).catch(async (error) => {
      await base.close()
      throw error
    })
    return withBase(bundle, base)
  } catch (error) {
    await bundle.close()
    throw error
  }
}

/** What changes when a file does. */
async function identityOf(path: string): Promise<string> {
  const { size, mtimeNs, ino } = await stat(path, { bigint: true })
  return `${size} ${mtimeNs} ${ino}`
}

function cacheFolder(env: NodeJS.ProcessEnv): string {
  return env.MOJABOX_CACHE ?? join(env.HOME ?? homedir(), '.cache', 'mojabox')
}

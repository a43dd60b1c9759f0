import { spawn } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { hexOf } from '../../format/digest.ts'
import { MojaboxError } from '../../format/error.ts'
import type { Digest } from '../../format/manifest.ts'
import { diskFull } from '../disk-full.ts'
import { addressOf, getFrom } from '../http.ts'
import type { BuildContext } from '../source.ts'
import type { Distribution } from '../spec.ts'
import { openPackagesFile, type PackagesFile } from './package-index.ts'
import type { Release } from './release.ts'

/** Opens a suite's index of one component and architecture, brought and unpacked into the cache where it is not yet. */
export async function openSuiteIndex(
  release: Release,
  component: string,
  architecture: string,
  use: Pick<Distribution['archives'][number], 'archive' | 'only'>,
  context: BuildContext,
): Promise<PackagesFile> {
  const path = `${component}/binary-${architecture}/Packages`
  const gzip = release.files.get(`${path}.gz`)
  const xz = release.files.get(`${path}.xz`)
  const chosen = gzip ?? xz
  if (chosen === undefined) throw noIndex(release, path)
  const { cache } = context
  const folder = join(cache.folder, 'indexes')
  const unpacked = join(folder, `${hexOf(chosen.digest)}.Packages`)
  if ((await stat(unpacked).catch(() => undefined)) === undefined) {
    await ensureIndex(release, `${path}.${gzip === undefined ? 'xz' : 'gz'}`, chosen, context)
    await mkdir(folder, { recursive: true })
    const scratch = cache.scratch()
    try {
      await unpack(cache.pathOf(chosen.digest), scratch, gzip === undefined, context.signal)
      await rename(scratch, unpacked)
    } catch (error) {
      throw diskFull(error, unpacked)
    } finally {
      await rm(scratch, { force: true })
    }
    await cache.drop(chosen.digest)
  }
  return openPackagesFile(unpacked, use.archive, use.only)
}

async function ensureIndex(
  release: Release,
  path: string,
  file: { digest: Digest; sizeBytes: number },
  context: BuildContext,
): Promise<void> {
  const { http, signal, cache, progress } = context
  const byHash = path.replace(/[^/]+$/, `by-hash/SHA256/${hexOf(file.digest)}`)
  const url = new URL(release.byHash ? byHash : path, release.url)
  progress.expect(file.sizeBytes)
  const open = async (offset: number) => {
    const response = await getFrom(http, { url, signal }, offset)
    if (response.status === 200 || response.status === 206) {
      return { startBytes: response.startBytes, stream: response.body }
    }
    await response.body.dump()
    throw notThere(url, response.status)
  }
  await cache.ensure(file.digest, open, {
    what: addressOf(url),
    sizeBytes: file.sizeBytes,
    signal,
    onBytes: progress.arrived,
  })
}

async function unpack(from: string, to: string, isXz: boolean, signal: AbortSignal): Promise<void> {
  if (!isXz) {
    await pipeline(createReadStream(from), createGunzip(), createWriteStream(to), { signal })
    return
  }
  const child = spawn('xz', ['--decompress', '--stdout', from], { stdio: ['ignore', 'pipe', 'ignore'], signal })
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`xz ended with ${code}`))))
  })
  await Promise.all([ended, pipeline(child.stdout, createWriteStream(to), { signal })])
}

export function notThere(url: URL, status: number): MojaboxError {
  return new MojaboxError({
    code: 'package-file-not-found',
    kind: status === 404 ? 'usage' : 'host',
    message: `getting ${addressOf(url)}: the archive does not have it`,
    found: `the answer ${status}`,
    needed: 'the file that the index or the lock names',
    next: 'build without --lock to take what the archive has now, or name an archive that keeps it (--apt-mirror ARCHIVE=URL)',
  })
}

function noIndex(release: Release, path: string): MojaboxError {
  return new MojaboxError({
    code: 'suite-not-found',
    kind: 'usage',
    message: `reading ${addressOf(release.url)}: it has no such component or architecture`,
    found: `no ${path}.gz`,
    needed: path,
    next: 'correct the components in the spec, or build for another platform (--platform)',
  })
}

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join, posix, resolve } from 'node:path'
import { digestOf } from '../../format/digest.ts'
import { MojaboxError } from '../../format/error.ts'
import { ANNOTATIONS, ARTIFACT_TYPES, type Descriptor, type Digest, MEDIA_TYPES } from '../../format/manifest.ts'
import { platformText } from '../../format/read-artifact.ts'
import { carry } from '../artifact-manifest.ts'
import type { LockedExecutable, LockedFiles } from '../lock.ts'
import { refuseUnlistedImages } from '../named-images.ts'
import { packExecutable } from '../pack-executable.ts'
import type { BuildContext, CarriedArtifact, Origins, Source } from '../source.ts'
import type { FileSet } from '../spec.ts'
import { yamlAsJson } from '../yaml-as-json.ts'

/** Files of the building machine: a deployment's data as they are, and the executables packed. */
export const fileSource: Source<LockedFiles | LockedExecutable> = {
  async resolve(context) {
    const { spec } = context.loaded
    const sets = await Promise.all([
      ...spec.files.map((set) => resolveFiles(set, context)),
      ...(await testFilePaths(context.origins)).map((paths) => resolveFiles({ name: TEST_FILES, paths }, context)),
    ])
    const ofSpec = sets.filter(({ name }) => name !== TEST_FILES).flatMap(({ files }) => files.map(({ path }) => path))
    await refuseUnlistedImages(spec, context.loaded.folder, ofSpec)
    if (context.origins.withoutExecutables) return sets
    const executables = context.selection.platforms.map((platform) =>
      context.limit(() => resolveExecutable(platform, context)),
    )
    return [...sets, ...(await Promise.all(executables))]
  },
  fetch: (locked, context) =>
    locked.kind === 'files' ? fetchFiles(locked, context) : fetchExecutable(locked, context),
}

/** What the testing toolkit's jobs read: a folder of the deployment has this name. */
const TEST_FILES = 'test-files'

/** Of the folder that is named for them; what else a checkout has, such as its history, is not carried. */
async function testFilePaths({ testFiles }: Origins): Promise<string[][]> {
  if (testFiles === undefined) return []
  const names = await readdir(testFiles).catch((): string[] => [])
  if (!names.includes('collections')) throw noCollections(testFiles)
  return [['collections', 'environments', 'spec_files'].filter((name) => names.includes(name))]
}

function folderOf(name: string, { origins, loaded }: BuildContext): string {
  return name === TEST_FILES && origins.testFiles !== undefined ? resolve(origins.testFiles) : loaded.folder
}

async function resolveFiles({ name, paths, asJson = [] }: FileSet, context: BuildContext): Promise<LockedFiles> {
  const folder = folderOf(name, context)
  const under = async (some: string[]) =>
    (await Promise.all(some.map((path) => filesUnder(folder, posix.normalize(path).replace(/\/$/, ''))))).flat()
  const found = await under(paths)
  const converted = new Set((await under(asJson)).filter((path) => /\.ya?ml$/.test(path)))
  const files = await Promise.all(
    [...new Set(found)].sort().map(async (path) => {
      if (converted.has(path)) {
        const json = await yamlAsJson(join(folder, path))
        return { path, size: json.length, digest: digestOf(json), form: 'json' as const }
      }
      const { digest, bytes } = await hashFile(join(folder, path))
      return { path, size: bytes, digest }
    }),
  )
  return { source: 'file', kind: 'files', name, files }
}

async function filesUnder(folder: string, path: string): Promise<string[]> {
  const info = await lstat(join(folder, path)).catch((error: NodeJS.ErrnoException) => {
    throw missingFile(join(folder, path), error.code === 'ENOENT' ? 'no such file' : error.message)
  })
  if (info.isFile()) return [path]
  if (!info.isDirectory()) throw missingFile(join(folder, path), 'neither a file nor a folder')
  const names = await readdir(join(folder, path))
  return (await Promise.all(names.map((name) => filesUnder(folder, posix.join(path, name))))).flat()
}

async function fetchFiles({ name, files }: LockedFiles, context: BuildContext): Promise<CarriedArtifact> {
  const { cache, signal, progress } = context
  const folder = folderOf(name, context)
  for (const { path, size, digest, form } of files) {
    progress.expect(size)
    const fullPath = join(folder, path)
    if (form === 'json') {
      if ((await cache.put(await yamlAsJson(fullPath))) !== digest) throw changed(fullPath, digest)
      progress.arrived(size)
      continue
    }
    if ((await cache.sizeOf(digest)) === undefined && (await hashFile(fullPath)).digest !== digest)
      throw changed(fullPath, digest)
    const open = async (start: number) => ({ startBytes: start, stream: createReadStream(fullPath, { start }) })
    await cache.ensure(digest, open, { what: fullPath, sizeBytes: size, signal, onBytes: progress.arrived })
  }
  const layers = files.map(({ path, size, digest }) => ({
    mediaType: MEDIA_TYPES.blob,
    digest,
    size,
    annotations: { [ANNOTATIONS.title]: path },
  }))
  const unpackedBytes = files.reduce((sum, { size }) => sum + size, 0)
  return await carry(context, { kind: 'files', name, platform: undefined, unpackedBytes }, ARTIFACT_TYPES.files, layers)
}

async function resolveExecutable(
  platform: LockedExecutable['platform'],
  context: BuildContext,
): Promise<LockedExecutable> {
  const path = executablePath(platformText(platform), context)
  const info = await lstat(path).catch(() => undefined)
  if (info === undefined) throw missingExecutable(platformText(platform), path)
  return { source: 'file', kind: 'executable', platform, ...(await compressExecutable(path, context)) }
}

/** Named on the command line, else this very executable, else where the spec says that builds put it. */
function executablePath(platform: string, { origins, loaded }: BuildContext): string {
  const named = origins.executables[platform]
  if (named !== undefined) return resolve(named)
  if (origins.ownExecutable?.platform === platform) return origins.ownExecutable.path
  const path = loaded.spec.executables[platform]
  if (path === undefined) throw missingExecutable(platform, 'no path in the spec')
  return resolve(loaded.folder, path)
}

async function compressExecutable(
  path: string,
  { cache, signal }: BuildContext,
): Promise<Pick<LockedExecutable, 'size' | 'digest' | 'compressed'>> {
  const plain = await hashFile(path)
  return { size: plain.bytes, digest: plain.digest, compressed: await packExecutable(path, plain, cache, signal) }
}

async function fetchExecutable(locked: LockedExecutable, context: BuildContext): Promise<CarriedArtifact> {
  const { platform, size, digest, compressed } = locked
  if ((await context.cache.sizeOf(compressed.digest)) !== compressed.size) {
    const path = executablePath(platformText(platform), context)
    const made = await compressExecutable(path, context)
    if (made.digest !== digest) throw changed(path, digest)
    if (made.compressed.digest !== compressed.digest) throw changed(`${path}, packed`, compressed.digest)
  }
  context.progress.expect(compressed.size)
  context.progress.arrived(compressed.size)
  const layer: Descriptor = {
    mediaType: MEDIA_TYPES.zstdTar,
    digest: compressed.digest,
    size: compressed.size,
    annotations: {
      [ANNOTATIONS.title]: 'mojabox.tar.zst',
      [ANNOTATIONS.uncompressedDigest]: digest,
      [ANNOTATIONS.uncompressedBytes]: String(size),
    },
  }
  return await carry(
    context,
    { kind: 'executable', name: 'mojabox', platform, unpackedBytes: size },
    ARTIFACT_TYPES.executable,
    [layer],
  )
}

async function hashFile(path: string): Promise<{ digest: Digest; bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { digest: `sha256:${hash.digest('hex')}`, bytes }
}

function missingFile(path: string, found: string): MojaboxError {
  return new MojaboxError({
    code: 'file-not-found',
    kind: 'usage',
    message: `reading ${path}: the spec names it, but it cannot be carried`,
    found,
    needed: 'a file or folder',
    next: 'create it, or take it out of `files` in the spec',
  })
}

function noCollections(folder: string): MojaboxError {
  return new MojaboxError({
    code: 'test-files-missing',
    kind: 'usage',
    message: `carrying the testing toolkit's files: ${folder} has no collections`,
    found: 'no folder `collections` in it',
    needed: 'a folder such as a checkout of testing-toolkit-test-cases, with `collections` and `environments`',
    next: '--test-files FOLDER',
  })
}

function missingExecutable(platform: string, found: string): MojaboxError {
  return new MojaboxError({
    code: 'executable-not-found',
    kind: 'usage',
    message: `carrying the mojabox executable for ${platform}: it is not there`,
    found: found.startsWith('/') ? `no file ${found}` : found,
    needed: `an executable for ${platform}`,
    next: `npm run build, or --executable ${platform}=PATH, or --no-executables`,
  })
}

function changed(path: string, needed: Digest): MojaboxError {
  return new MojaboxError({
    code: 'lock-differs',
    kind: 'usage',
    message: `reading ${path}: it is not what the lock was written with`,
    found: 'other content',
    needed,
    next: 'bring the file back as it was, or build without --lock to resolve the spec anew',
  })
}

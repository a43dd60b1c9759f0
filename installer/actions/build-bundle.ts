import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isSea } from 'node:sea'
import { type BuildProgress, buildBundle } from '../../bundles/build/build.ts'
import { cacheFolder, openCache } from '../../bundles/build/cache.ts'
import { createHttp } from '../../bundles/build/http.ts'
import { readLock } from '../../bundles/build/lock.ts'
import { dockerCredentials } from '../../bundles/build/oci/credentials.ts'
import { selectDistributions, selectPlatforms, selectProfiles } from '../../bundles/build/selection.ts'
import type { Origins } from '../../bundles/build/source.ts'
import { loadSpec } from '../../bundles/build/spec.ts'
import { bytesText } from '../../bundles/format/bytes-text.ts'
import { keyIdOf } from '../../bundles/format/dsse.ts'
import { openBundle } from '../../bundles/format/open.ts'
import { readSigningKey, signBundle } from '../../bundles/format/signature.ts'
import type { Io } from '../cli/io.ts'
import { interruption } from '../fleet/interruption.ts'
import { createProgress } from '../render/progress.ts'

/** The options of `mojabox bundle build`, as `cli/bundle-build.ts` declares them. */
export interface BuildFlags {
  output: string
  lock?: string
  base?: string
  key?: string
  patches: 'beside' | 'instead' | 'none'
  profile: string[]
  platform: string[]
  distribution: string[]
  mirror: Record<string, string>
  plainHttp: string[]
  image: Record<string, string>
  aptMirror: Record<string, string>
  aptKeyring: Record<string, string>
  testFiles?: string
  compression?: 'zstd'
  executable: Record<string, string>
  executables: boolean
  packages: boolean
  parallel: number
  json?: true
}

/** `mojabox bundle build`. @throws MojaboxError kind usage (the spec), bundle, host */
export async function buildFromSpec(specPath: string, flags: BuildFlags, io: Io): Promise<void> {
  const startedAt = performance.now()
  const isFolder = (await stat(specPath).catch(() => undefined))?.isDirectory() ?? false
  const loaded = await loadSpec(isFolder ? join(specPath, 'bundle.yaml') : specPath)
  const selection = {
    profiles: selectProfiles(loaded.spec, flags.profile),
    platforms: selectPlatforms(loaded.spec, flags.platform),
    layers: flags.compression,
    distributions: flags.packages ? selectDistributions(loaded.spec, flags.distribution) : [],
  }
  const key = flags.key === undefined ? undefined : await readSigningKey(flags.key)
  const lock = flags.lock === undefined ? undefined : await readLock(flags.lock)
  const base = flags.base === undefined ? undefined : await openBundle(resolve(flags.base))
  const progress = createProgress(io, STAGES.resolve)
  const http = createHttp()
  const outputPath = resolve(flags.output)
  try {
    const result = await buildBundle({
      loaded,
      selection,
      origins: originsOf(flags),
      lock,
      base,
      patches: flags.patches,
      outputPath,
      lockPath: flags.lock === undefined ? `${outputPath}.lock.json` : undefined,
      cache: await openCache(cacheFolder(io.env)),
      http,
      credentialsOf: dockerCredentials(io.env),
      parallel: flags.parallel,
      signal: io.signal,
      onProgress: ({ stage, doneBytes, totalBytes }) => {
        progress.label(STAGES[stage])
        progress.update(doneBytes, totalBytes)
      },
      note: (message) => progress.note(`note: ${message}`),
    })
    progress.done()
    const { sizeBytes, manifest, leftOut } = result
    if (key) await signBundle(outputPath, manifest, key)
    const signedBy = key && keyIdOf(key)
    const seconds = Math.round((performance.now() - startedAt) / 100) / 10
    const artifacts = manifest.artifacts.length
    if (flags.json) {
      const { digest, base } = manifest
      const told = {
        path: outputPath,
        digest,
        bytes: sizeBytes,
        artifacts,
        seconds,
        ...(base && { base, leftOut }),
        signedBy,
      }
      io.stdout(`${JSON.stringify(told, undefined, 2)}\n`)
    } else {
      const of =
        manifest.base && `a delta of ${manifest.base}: left out ${bytesText(leftOut.bytes)}, ${leftOut.blobs} blobs\n`
      io.stdout(
        `${flags.output}: ${bytesText(sizeBytes)}, ${artifacts} artifacts, in ${seconds} s\ndigest ${manifest.digest}\n${signedBy ? `signed by ${signedBy}\n` : ''}${of ?? ''}`,
      )
    }
  } catch (error) {
    throw io.signal.aborted ? interruption(io.signal) : error
  } finally {
    progress.done()
    await http.close()
    await base?.close()
  }
}

const STAGES: Record<BuildProgress['stage'], string> = {
  resolve: 'resolving names',
  fetch: 'fetching',
  list: 'listing packages',
  patch: 'making patches',
  write: 'writing',
}

function originsOf(flags: BuildFlags): Origins {
  return {
    mirrors: flags.mirror,
    plainHttp: flags.plainHttp,
    images: flags.image,
    aptMirrors: flags.aptMirror,
    aptKeyrings: flags.aptKeyring,
    aptFolder: '/etc/apt',
    testFiles: flags.testFiles,
    executables: flags.executable,
    ownExecutable: ownExecutable(),
    withoutExecutables: !flags.executables,
  }
}

/** This process's file, when it is mojabox itself and not a Node that runs its sources. */
function ownExecutable(): Origins['ownExecutable'] {
  if (!isSea()) return undefined
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  return { platform: `${process.platform}/${architecture}`, path: process.execPath }
}

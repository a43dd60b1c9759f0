import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isSea } from 'node:sea'
import type { Command } from 'commander'
import { type BuildProgress, buildBundle } from '../../bundles/build/build.ts'
import { cacheFolder, openCache } from '../../bundles/build/cache.ts'
import { createHttp } from '../../bundles/build/http.ts'
import { readLock } from '../../bundles/build/lock.ts'
import { dockerCredentials } from '../../bundles/build/oci/credentials.ts'
import { selectDistributions, selectPlatforms, selectProfiles } from '../../bundles/build/selection.ts'
import type { Origins } from '../../bundles/build/source.ts'
import { loadSpec } from '../../bundles/build/spec.ts'
import { bytesText } from '../../bundles/format/bytes-text.ts'
import { interruption } from '../fleet/interruption.ts'
import { createProgress } from '../render/progress.ts'
import { collectNames, collectPairs, positiveInteger } from './bundle-options.ts'
import type { Io } from './io.ts'

interface BuildFlags {
  output: string
  lock?: string
  profile: string[]
  platform: string[]
  distribution: string[]
  mirror: Record<string, string>
  plainHttp: string[]
  image: Record<string, string>
  aptMirror: Record<string, string>
  aptKeyring: Record<string, string>
  executable: Record<string, string>
  executables: boolean
  parallel: number
  json?: true
}

const EXAMPLES = `
A lock with every digest is written beside the bundle (FILE.lock.json); building again from it gives the same bundle,
byte for byte. Downloads are kept in $MOJABOX_CACHE (~/.cache/mojabox) and go on where an earlier run stopped.

Examples:
  mojabox bundle build bundles/core-test-harness/bundle.yaml -o hub.tar
  mojabox bundle build bundles/core-test-harness/bundle.yaml -o hub.tar --profile central-ledger --platform linux/amd64
  mojabox bundle build SPEC -o hub.tar --mirror docker.io=127.0.0.1:5000 --apt-mirror debian=http://mirror.lan/debian
  mojabox bundle build SPEC -o same.tar --lock hub.tar.lock.json`

export function addBundleBuildCommand(bundle: Command, io: Io): void {
  bundle
    .command('build')
    .description('Bring everything a spec names into one file.')
    .argument('<spec>', 'bundle.yaml of a deployment, or its folder')
    .requiredOption('-o, --output <file>', 'the bundle to write')
    .option('--lock <file>', 'build exactly what this lock says')
    .option('--profile <names>', 'carry the images of these profiles only (default: all)', collectNames, [])
    .option(
      '--platform <platforms>',
      'carry these platforms, such as linux/amd64 (default: those of the spec)',
      collectNames,
      [],
    )
    .option(
      '--distribution <names>',
      'carry packages for these, such as debian-12 (default: all whose archive is known)',
      collectNames,
      [],
    )
    .option('--mirror <registry=host>', 'take images of a registry from HOST:PORT', collectPairs, {})
    .option('--plain-http <host>', 'HOST:PORT of a registry without TLS (loopback needs no mention)', collectNames, [])
    .option('--image <name=path>', 'take an image from an OCI layout or a `docker save` archive', collectPairs, {})
    .option(
      '--apt-mirror <archive=url>',
      'address of an apt archive (default: from the apt configuration)',
      collectPairs,
      {},
    )
    .option('--apt-keyring <archive=path>', 'keyring that signs an apt archive', collectPairs, {})
    .option('--executable <platform=path>', 'the mojabox executable of a platform', collectPairs, {})
    .option('--no-executables', 'carry no mojabox executables')
    .option('--parallel <number>', 'downloads at a time', positiveInteger, 6)
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((spec: string, flags: BuildFlags) => build(spec, flags, io))
}

async function build(specPath: string, flags: BuildFlags, io: Io): Promise<void> {
  const startedAt = performance.now()
  const isFolder = (await stat(specPath).catch(() => undefined))?.isDirectory() ?? false
  const loaded = await loadSpec(isFolder ? join(specPath, 'bundle.yaml') : specPath)
  const selection = {
    profiles: selectProfiles(loaded.spec, flags.profile),
    platforms: selectPlatforms(loaded.spec, flags.platform),
    distributions: selectDistributions(loaded.spec, flags.distribution),
  }
  const lock = flags.lock === undefined ? undefined : await readLock(flags.lock)
  const progress = createProgress(io, STAGES.resolve)
  const http = createHttp()
  const outputPath = resolve(flags.output)
  try {
    const result = await buildBundle({
      loaded,
      selection,
      origins: originsOf(flags),
      lock,
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
    const { sizeBytes, manifest } = result
    const seconds = Math.round((performance.now() - startedAt) / 100) / 10
    const artifacts = manifest.artifacts.length
    if (flags.json)
      io.stdout(
        `${JSON.stringify({ path: outputPath, digest: manifest.digest, bytes: sizeBytes, artifacts, seconds }, undefined, 2)}\n`,
      )
    else
      io.stdout(
        `${flags.output}: ${bytesText(sizeBytes)}, ${artifacts} artifacts, in ${seconds} s\ndigest ${manifest.digest}\n`,
      )
  } catch (error) {
    throw io.signal.aborted ? interruption(io.signal) : error
  } finally {
    progress.done()
    await http.close()
  }
}

const STAGES: Record<BuildProgress['stage'], string> = {
  resolve: 'resolving names',
  fetch: 'fetching',
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

import { MojaboxError } from '../../format/error.ts'
import { ANNOTATIONS, ARTIFACT_TYPES, type Descriptor, MEDIA_TYPES, type Platform } from '../../format/manifest.ts'
import { type ArchiveAddress, archiveAddresses } from '../apt/archive-address.ts'
import { flatPackagesIndex, keptFields, packageFileName } from '../apt/flat-repository.ts'
import { mergeIndexes, type PackagesFile } from '../apt/package-index.ts'
import { fetchRelease, type Release } from '../apt/release.ts'
import { resolvePackages } from '../apt/resolve.ts'
import { notThere, openSuiteIndex } from '../apt/suite-index.ts'
import { carry } from '../artifact-manifest.ts'
import { getFrom } from '../http.ts'
import type { LockedPackages } from '../lock.ts'
import type { BuildContext, CarriedArtifact, Source } from '../source.ts'
import type { Distribution } from '../spec.ts'

type ArchiveUse = Distribution['archives'][number]

/** Packages of Debian-like distributions, with what they depend on, from signed apt archives. */
export const debSource: Source<LockedPackages> = {
  async resolve(context) {
    const { spec } = context.loaded
    if (Object.keys(spec.distributions).length === 0) return []
    const addresses = await archiveAddresses(spec, context.origins)
    const releases = new Map<string, Promise<Release>>()
    const locked: LockedPackages[] = []
    for (const { architecture } of context.selection.platforms) {
      for (const name of chooseDistributions(architecture, addresses, context)) {
        // One after another: the indexes of a distribution are open while it is resolved.
        locked.push(await resolveDistribution(name, architecture, addresses, releases, context))
      }
    }
    return locked
  },
  fetch: fetchPackages,
}

/** Those named; else those whose archives have an address here, with a note of what is left out. */
function chooseDistributions(
  architecture: string,
  addresses: ReadonlyMap<string, ArchiveAddress>,
  context: BuildContext,
): string[] {
  const { loaded, selection, note } = context
  const missing = (name: string): string[] => {
    const uses = usesFor(loaded.spec.distributions[name], architecture)
    return uses.filter((use) => !use.optional && !addresses.has(use.archive)).map((use) => use.archive)
  }
  if (selection.distributions !== undefined) {
    for (const name of selection.distributions) {
      const [archive] = missing(name)
      if (archive !== undefined) throw addressUnknown(name, archive, context.origins.aptFolder)
    }
    return selection.distributions
  }
  const all = Object.keys(loaded.spec.distributions)
  for (const name of all) {
    const archives = [...new Set(missing(name))]
    if (archives.length === 0) continue
    note(
      `no packages for ${name} (${architecture}): no address of ${archives.join(', ')}; name it with --apt-mirror ${archives[0]}=URL`,
    )
  }
  return all.filter((name) => missing(name).length === 0)
}

function usesFor(distribution: Distribution | undefined, architecture: string): ArchiveUse[] {
  return (distribution?.archives ?? []).filter((use) => use.architectures?.includes(architecture) ?? true)
}

async function resolveDistribution(
  name: string,
  architecture: string,
  addresses: ReadonlyMap<string, ArchiveAddress>,
  releases: Map<string, Promise<Release>>,
  context: BuildContext,
): Promise<LockedPackages> {
  const distribution = context.loaded.spec.distributions[name] as Distribution
  const files: PackagesFile[] = []
  try {
    for (const use of usesFor(distribution, architecture)) {
      const address = addresses.get(use.archive)
      if (address === undefined) {
        context.note(
          `${name}: without ${use.suites.join(', ')}, as there is no address of ${use.archive}; name it with --apt-mirror ${use.archive}=URL`,
        )
        continue
      }
      for (const suite of use.suites) {
        const release = await releaseOf(use.archive, suite, address, releases, context)
        for (const component of use.components) {
          files.push(await openSuiteIndex(release, component, architecture, use, context))
        }
      }
    }
    const { install, host } = distribution
    const packages = resolvePackages({ distribution: name, install, host, index: mergeIndexes(files) })
    const entries = packages.map(({ archive, path, sizeBytes, digest, stanza }) => ({
      archive,
      path,
      size: sizeBytes,
      digest,
      control: keptFields(stanza),
    }))
    return { source: 'deb', distribution: name, architecture, install: [...install], packages: entries }
  } finally {
    for (const file of files) file.close()
  }
}

function releaseOf(
  archive: string,
  suite: string,
  address: ArchiveAddress,
  releases: Map<string, Promise<Release>>,
  context: BuildContext,
): Promise<Release> {
  const key = `${archive} ${suite}`
  const { http, signal, note, loaded } = context
  const known = releases.get(key)
  if (known !== undefined) return known
  const origin = loaded.spec.archives[archive]?.origin ?? ''
  const release = fetchRelease({ archive, address, suite, origin, http, signal, note })
  releases.set(key, release)
  return release
}

async function fetchPackages(locked: LockedPackages, context: BuildContext): Promise<CarriedArtifact> {
  const { cache, limit, progress } = context
  const addresses = await archiveAddresses(context.loaded.spec, context.origins)
  for (const { size } of locked.packages) progress.expect(size)
  await Promise.all(
    locked.packages.map((entry) => limit(() => fetchPackage(entry, locked.distribution, addresses, context))),
  )
  const index = flatPackagesIndex(locked.packages)
  const layers: Descriptor[] = [
    {
      mediaType: MEDIA_TYPES.blob,
      digest: await cache.put(index),
      size: index.length,
      annotations: { [ANNOTATIONS.title]: 'Packages' },
    },
    ...locked.packages.map((entry) => ({
      mediaType: MEDIA_TYPES.debianPackage,
      digest: entry.digest,
      size: entry.size,
      annotations: { [ANNOTATIONS.title]: packageFileName(entry) },
    })),
  ]
  const kilobytes = locked.packages.reduce((sum, { control }) => sum + Number(control['Installed-Size'] ?? 0), 0)
  const platform: Platform = { architecture: locked.architecture, os: 'linux' }
  const artifact = { kind: 'packages' as const, name: locked.distribution, platform, unpackedBytes: kilobytes * 1024 }
  return await carry(context, artifact, ARTIFACT_TYPES.packages, layers, {
    [ANNOTATIONS.install]: locked.install.join(' '),
  })
}

async function fetchPackage(
  { archive, path, size, digest }: LockedPackages['packages'][number],
  distribution: string,
  addresses: ReadonlyMap<string, ArchiveAddress>,
  { cache, http, signal, progress, origins }: BuildContext,
): Promise<void> {
  const open = async (offset: number) => {
    const address = addresses.get(archive)
    if (address === undefined) throw addressUnknown(distribution, archive, origins.aptFolder)
    const url = new URL(path, address.url)
    const response = await getFrom(http, { url, signal }, offset)
    if (response.status === 200 || response.status === 206) {
      return { startBytes: response.startBytes, stream: response.body }
    }
    await response.body.dump()
    throw notThere(url, response.status)
  }
  await cache.ensure(digest, open, { what: path, sizeBytes: size, signal, onBytes: progress.arrived })
}

function addressUnknown(distribution: string, archive: string, aptFolder: string): MojaboxError {
  return new MojaboxError({
    code: 'archive-address-unknown',
    kind: 'usage',
    message: `getting packages for ${distribution}: no address of the archive ${archive}`,
    found: `none in ${aptFolder}`,
    needed: `where ${archive} is`,
    next: `--apt-mirror ${archive}=URL`,
  })
}

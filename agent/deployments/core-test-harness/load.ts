import { MojaboxError } from '../../../bundles/format/error.ts'
import { ANNOTATIONS, type Artifact } from '../../../bundles/format/manifest.ts'
import { artifactBlobs, type ReachableBlob, titledLayers } from '../../../bundles/format/read-artifact.ts'
import { manifestFrom, parseJson } from '../../../bundles/format/read-document.ts'
import type { NodeBundle } from '../../contract/step.ts'
import type { FolderParams } from '../../engine/steps/folder.ts'
import { type Definition, readDefinition } from './definition.ts'
import { configsOf, type Profile, profileOf } from './profile.ts'
import type { Service } from './service.ts'

/** Everything of a bundle that planning needs, read and resolved: planning itself does no reading. */
export interface LoadedDeployment {
  definition: Definition
  /** The definition as one file. */
  definitionText: string
  profile: Profile
  /** Text of each configuration file, by its path in the bundle. */
  configTexts: Map<string, string>
  /** Folders that the profile's services mount, by name, with their files of the bundle. */
  folders: Map<string, Pick<FolderParams, 'uid' | 'files'>>
  /** Images of the profile, full references, each once. */
  images: string[]
  /** What the node keeps of the bundle besides packages: its manifest, the deployment's files, the images' manifests. */
  keptBlobs: KeptBlob[]
  /** Packages of this distribution and architecture, with their blobs; undefined where the bundle has none. */
  packages: { artifact: Artifact; blobs: ReachableBlob[]; install: string[] } | undefined
}

type KeptBlob = Pick<ReachableBlob, 'digest' | 'sizeBytes'>

/** What of a bundle needs no host to be read. @throws MojaboxError when the bundle lacks a file, `definition-invalid` */
export async function definitionOf(bundle: NodeBundle): ReturnType<typeof readDefinition> {
  return readDefinition((path) => textOf(bundle, path))
}

async function textOf(bundle: NodeBundle, path: string): Promise<string> {
  return (await bundle.readFile('core-test-harness', path)).toString()
}

/**
 * @param reading the bundle's definition, where that was begun already
 * @throws MojaboxError when the bundle lacks a file, or the profile is unknown
 */
export async function loadDeployment(
  bundle: NodeBundle,
  host: { profile: string; distribution: string; architecture: string },
  reading = definitionOf(bundle),
): Promise<LoadedDeployment> {
  const { definition, text: definitionText } = await reading
  const profile = profileOf(definition, host.profile)
  const images = imagesOf(definition, profile)
  const configTexts = new Map<string, string>()
  for (const config of configsOf(definition, profile)) configTexts.set(config.file, await textOf(bundle, config.file))
  const { artifacts } = bundle.manifest
  const kept = artifacts.filter(
    (artifact) => artifact.kind === 'files' || (artifact.kind === 'image' && images.includes(artifact.name)),
  )
  const keptBlobs = await Promise.all(kept.map((artifact) => blobsOf(bundle, artifact)))
  const packages = artifacts.find(
    (artifact) =>
      artifact.kind === 'packages' &&
      artifact.name === host.distribution &&
      artifact.platform?.architecture === host.architecture,
  )
  return {
    definition,
    definitionText,
    profile,
    configTexts,
    folders: await foldersOf(bundle, definition, profile),
    images,
    // An image's layers belong to the runtime, not to the store.
    keptBlobs: [await manifestOf(bundle), ...keptBlobs.flat().filter(isKept)],
    packages: packages && {
      artifact: packages,
      blobs: await blobsOf(bundle, packages),
      install: await namesToInstall(bundle, packages),
    },
  }
}

async function foldersOf(
  bundle: NodeBundle,
  { folders, services }: Definition,
  profile: Profile,
): Promise<LoadedDeployment['folders']> {
  const mounted = profile.services.flatMap((name) => volumesOf(services[name]))
  const used = Object.entries(folders).filter(([name]) =>
    mounted.some((volume) => RegExp(`^\\./${name}[/:]`).test(volume)),
  )
  const found = used.map(async ([name, { uid, files }]): Promise<[string, Pick<FolderParams, 'uid' | 'files'>]> => {
    const artifact = bundle.manifest.artifacts.find((each) => each.kind === 'files' && each.name === files)
    return [name, { uid, files: artifact ? await filesOf(bundle, artifact) : [] }]
  })
  return new Map(await Promise.all(found))
}

function volumesOf(service: Service | undefined): string[] {
  const { volumes } = service?.compose ?? {}
  return Array.isArray(volumes) ? volumes.filter((volume) => typeof volume === 'string') : []
}

/** @throws MojaboxError `bundle-corrupt` for a path that leads out */
async function filesOf(bundle: NodeBundle, { name, descriptor }: Artifact): Promise<FolderParams['files']> {
  const manifest = await manifestFrom(bundle.readBlob, descriptor.digest)
  return [...titledLayers(manifest)].map(([path, { digest }]) => {
    if (!path.startsWith('/') && !path.split('/').includes('..')) return { path, digest }
    throw new MojaboxError({
      code: 'bundle-corrupt',
      kind: 'bundle',
      message: `the bundle's files ${name} have a path that leads out of their folder`,
      found: path,
      needed: 'paths below the folder',
      next: 'build the bundle again',
    })
  })
}

function isKept({ role, artifacts }: ReachableBlob): boolean {
  return role !== 'layer' || artifacts.some(({ kind }) => kind === 'files')
}

/** The bundle's own: what lists all the others, for whoever reads the store later. */
async function manifestOf({ manifest: { digest }, readBlob }: NodeBundle): Promise<KeptBlob> {
  return { digest, sizeBytes: (await readBlob(digest)).length }
}

function blobsOf(bundle: NodeBundle, artifact: Artifact): Promise<ReachableBlob[]> {
  return artifactBlobs(artifact, async (descriptor) => parseJson(await bundle.readBlob(descriptor.digest)))
}

/** The packages to ask for by name; the artifact's others are what they depend on. */
async function namesToInstall(bundle: NodeBundle, artifact: Artifact): Promise<string[]> {
  const manifest = await manifestFrom(bundle.readBlob, artifact.descriptor.digest)
  const names = (manifest.annotations?.[ANNOTATIONS.install] ?? '').split(' ').filter(Boolean)
  if (names.length > 0) return names
  throw new MojaboxError({
    code: 'bundle-corrupt',
    kind: 'bundle',
    message: `the bundle's packages for ${artifact.name} do not say what to install`,
    found: `no ${ANNOTATIONS.install}`,
    needed: 'the names of the packages',
    next: 'build the bundle again with this version of mojabox',
  })
}

/** Each once. */
function imagesOf({ services }: Definition, profile: Profile): string[] {
  return [...new Set(profile.services.flatMap((name) => services[name]?.compose.image ?? []))]
}

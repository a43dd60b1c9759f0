import { MojaboxError } from '../../../bundles/format/error.ts'
import { ANNOTATIONS, type Artifact, OciManifest } from '../../../bundles/format/manifest.ts'
import { artifactBlobs, type ReachableBlob } from '../../../bundles/format/read-artifact.ts'
import type { NodeBundle } from '../../contract/step.ts'
import { type Definition, readDefinition } from './definition.ts'
import { configsOf, type Profile, profileOf } from './profile.ts'

/** Everything of a bundle that planning needs, read and resolved: planning itself does no reading. */
export interface LoadedDeployment {
  definition: Definition
  /** The definition as one file. */
  definitionText: string
  profile: Profile
  /** Text of each configuration file, by its path in the bundle. */
  configTexts: Map<string, string>
  /** Images of the profile, full references, each once. */
  images: string[]
  /** What the node keeps of the bundle besides packages: its manifest, the deployment's files, the images' manifests. */
  keptBlobs: KeptBlob[]
  /** Packages of this distribution and architecture, with their blobs; undefined where the bundle has none. */
  packages: { artifact: Artifact; blobs: ReachableBlob[]; install: string[] } | undefined
}

type KeptBlob = Pick<ReachableBlob, 'digest' | 'sizeBytes'>

/** @throws MojaboxError when the bundle lacks a file, or the profile is unknown */
export async function loadDeployment(
  bundle: NodeBundle,
  host: { profile: string; distribution: string; architecture: string },
): Promise<LoadedDeployment> {
  const readText = async (path: string) => (await bundle.readFile('core-test-harness', path)).toString()
  const { definition, text: definitionText } = await readDefinition(readText)
  const profile = profileOf(definition, host.profile)
  const images = imagesOf(definition, profile)
  const configTexts = new Map<string, string>()
  for (const config of configsOf(definition, profile)) configTexts.set(config.file, await readText(config.file))
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

function isKept({ role, artifacts }: ReachableBlob): boolean {
  return role !== 'layer' || artifacts.some(({ kind }) => kind === 'files')
}

/** The bundle's own: what lists all the others, for whoever reads the store later. */
async function manifestOf({ manifest: { digest }, readBlob }: NodeBundle): Promise<KeptBlob> {
  return { digest, sizeBytes: (await readBlob(digest)).length }
}

function blobsOf(bundle: NodeBundle, artifact: Artifact): Promise<ReachableBlob[]> {
  return artifactBlobs(artifact, async (descriptor) =>
    JSON.parse((await bundle.readBlob(descriptor.digest)).toString()),
  )
}

/** The packages to ask for by name; the artifact's others are what they depend on. */
async function namesToInstall(bundle: NodeBundle, artifact: Artifact): Promise<string[]> {
  const manifest = OciManifest.parse(JSON.parse((await bundle.readBlob(artifact.descriptor.digest)).toString()))
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

import { ANNOTATIONS, OciManifest } from '../../bundles/format/manifest.ts'
import type { Facts } from '../contract/facts.ts'
import type { NodeBundle } from '../contract/step.ts'
import type { LoadedDeployment } from '../deployments/core-test-harness/load.ts'
import { isAtLeast } from '../preflight/version-order.ts'
import { carriedImages } from '../store/image-content.ts'
import { hasZstdLayers } from '../store/plain-layers.ts'

/** The first Docker that takes layers compressed with zstd. */
const READS_ZSTD = '23.0'

/**
 * Whether layers will be handed to Docker unpacked, which it writes down whole before it uses them: it is too old for
 * zstd, and the images are compressed so. Asks for the version that is there, else for the one that the bundle brings.
 */
export async function spoolsLayers(
  { docker, cpu: { architecture } }: Pick<Facts, 'docker' | 'cpu'>,
  packages: LoadedDeployment['packages'],
  bundle: NodeBundle,
  images: string[],
): Promise<boolean> {
  const version = docker?.serverVersion ?? (packages && (await carriedDocker(packages, bundle)))
  if (!version || isAtLeast(version, READS_ZSTD)) return false
  // Of a bundle for other processors the checks tell.
  const carried = await carriedImages({ bundle }, images, architecture).catch(() => [])
  return carried.some(({ manifest }) => hasZstdLayers(manifest))
}

/** The version of Docker among the packages, from the name of its file: `docker.io_20.10.24+dfsg1-1_amd64.deb`. */
async function carriedDocker(
  { artifact }: NonNullable<LoadedDeployment['packages']>,
  bundle: NodeBundle,
): Promise<string | undefined> {
  const manifest = OciManifest.parse(JSON.parse((await bundle.readBlob(artifact.descriptor.digest)).toString()))
  const titles = manifest.layers.map(({ annotations }) => annotations?.[ANNOTATIONS.title] ?? '')
  return titles.map((title) => /^docker(?:\.io|-ce)_(?:\d+%3a)?([\d.]+)/.exec(title)?.[1]).find(Boolean)
}

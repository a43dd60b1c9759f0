import { ANNOTATIONS } from '../../bundles/format/manifest.ts'
import { manifestFrom } from '../../bundles/format/read-document.ts'
import type { DockerFacts } from '../contract/facts.ts'
import type { NodeBundle } from '../contract/step.ts'
import type { LoadedDeployment } from '../deployments/core-test-harness/load.ts'
import { isAtLeast } from '../preflight/version-order.ts'
import { readsZstd } from '../runtimes/docker.ts'

/** The first Docker that takes layers compressed with zstd. */
const READS_ZSTD = '23.0'

/** Whether the Docker that images will come to takes zstd: the one that runs, or the one that is installed before. */
export async function willReadZstd(
  docker: DockerFacts | null,
  packages: LoadedDeployment['packages'],
  bundle: NodeBundle,
): Promise<boolean> {
  if (docker?.running) return readsZstd()
  const version = packages && (await carriedDocker(packages, bundle))
  return version === undefined || isAtLeast(version, READS_ZSTD)
}

/** The version of Docker among the packages, from the name of its file: `docker.io_20.10.24+dfsg1-1_amd64.deb`. */
async function carriedDocker(
  { artifact }: NonNullable<LoadedDeployment['packages']>,
  bundle: NodeBundle,
): Promise<string | undefined> {
  const { layers } = await manifestFrom(bundle.readBlob, artifact.descriptor.digest)
  const titles = layers.map(({ annotations }) => annotations?.[ANNOTATIONS.title] ?? '')
  return titles.map((title) => /^docker(?:\.io|-ce)_(?:\d+%3a)?([\d.]+)/.exec(title)?.[1]).find(Boolean)
}

import type { Digest, OciManifest } from '../../../bundles/format/manifest.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { readArtifactManifest } from '../../../bundles/format/read-artifact.ts'
import { docker } from '../../../test/lab/docker.ts'
import type { ServedImage } from '../../../test/lab/ledger-images.ts'

export interface CarriedImages {
  /** Their names in this machine's Docker. */
  tags: string[]
  /** Sizes of all layers, compressed; what several images share is there once. */
  layers: Map<Digest, number>
  /** The same with the images' configurations: what a node without images lacks. */
  blobs: Map<Digest, number>
}

/**
 * The images of a bundle, all of them, and that this machine's Docker has the same ones.
 * @param made how the lab made them
 * @throws Error when Docker has others: then a delivery by hand would be another piece of work
 */
export async function carriedImages(bundlePath: string, made: readonly ServedImage[]): Promise<CarriedImages> {
  const bundle = await openBundle(bundlePath)
  try {
    const tags: string[] = []
    const layers = new Map<Digest, number>()
    const configs = new Map<Digest, number>()
    for (const artifact of bundle.manifest.artifacts.filter(({ kind }) => kind === 'image')) {
      const manifest = await readArtifactManifest(bundle, artifact, { os: 'linux', architecture: 'amd64' })
      for (const { digest, size } of manifest.layers) layers.set(digest, size)
      configs.set(manifest.config.digest, manifest.config.size)
      tags.push(await sameHere(artifact.name, manifest, made))
    }
    return { tags, layers, blobs: new Map([...layers, ...configs]) }
  } finally {
    await bundle.close()
  }
}

/** Bytes of what is among these and not among those. */
export function bytesMissing(blobs: Map<Digest, number>, there: Map<Digest, number> = new Map()): number {
  return [...blobs].reduce((sum, [digest, size]) => (there.has(digest) ? sum : sum + size), 0)
}

async function sameHere(name: string, manifest: OciManifest, made: readonly ServedImage[]): Promise<string> {
  const served = made.find(({ repository, tag }) => name === `docker.io/${repository}:${tag}`)
  if (!served) throw new Error(`the bundle carries ${name}, which the lab does not make`)
  const { tag } = served.image
  const id = await docker(['image', 'inspect', '--format', '{{.Id}}', tag])
  if (id !== manifest.config.digest)
    throw new Error(`${tag} in Docker here is ${id}, in the bundle another: build again`)
  return tag
}

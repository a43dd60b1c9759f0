import type { OciManifest } from '../../../bundles/format/manifest.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { readArtifactManifest } from '../../../bundles/format/read-artifact.ts'
import { docker } from '../../../test/lab/docker.ts'
import type { ServedImage } from '../../../test/lab/ledger-images.ts'

export interface CarriedImages {
  /** Their names in this machine's Docker. */
  tags: string[]
  /** Of all layers, compressed, what several images share counted once: what a node without images lacks. */
  layerBytes: number
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
    const layers = new Map<string, number>()
    for (const artifact of bundle.manifest.artifacts.filter(({ kind }) => kind === 'image')) {
      const manifest = await readArtifactManifest(bundle, artifact, { os: 'linux', architecture: 'amd64' })
      for (const { digest, size } of manifest.layers) layers.set(digest, size)
      tags.push(await sameHere(artifact.name, manifest, made))
    }
    return { tags, layerBytes: [...layers.values()].reduce((sum, size) => sum + size, 0) }
  } finally {
    await bundle.close()
  }
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

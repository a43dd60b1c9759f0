import { cpSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ANNOTATIONS } from '../../../bundles/format/manifest.ts'
import { openBundle } from '../../../bundles/format/open.ts'
import { readArtifactManifest, titledLayers } from '../../../bundles/format/read-artifact.ts'
import { inputsKey, withScratchFolder } from '../../../test/lab/cache.ts'
import { buildImage, ensureImage } from '../../../test/lab/image.ts'
import { type NodeSuite, nodeImage } from '../../../test/lab/node-image.ts'
import { setBaseImage } from '../image-set/base-image.ts'

const DISTRIBUTIONS: Record<NodeSuite, string> = { trixie: 'debian-13', bookworm: 'debian-12' }
const folder = join(import.meta.dirname, 'docker-node')

/**
 * Makes, unless it is there, the image of a node that has the Docker that a bundle carries for it: a node is up in seconds then.
 * @returns its tag
 */
export async function ensureDockerNodeImage(bundlePath: string, suite: NodeSuite): Promise<string> {
  const tag = `mojabox-bench/docker-node:${suite}`
  const bundle = await openBundle(bundlePath)
  try {
    const wanted = DISTRIBUTIONS[suite]
    const artifact = bundle.manifest.artifacts.find(({ kind, name }) => kind === 'packages' && name === wanted)
    if (!artifact) throw new Error(`the bundle has no packages of ${wanted}`)
    const manifest = await readArtifactManifest(bundle, artifact)
    const args = {
      NODE: nodeImage(suite).tag,
      BASE: setBaseImage.tag,
      WANTED: manifest.annotations?.[ANNOTATIONS.install] ?? '',
    }
    const bases = { node: nodeImage(suite).key, base: setBaseImage.key }
    const key = inputsKey([folder], { ...bases, packages: JSON.stringify(manifest.layers), wanted: args.WANTED })
    const build = () =>
      withScratchFolder('bench-docker-node', async (contextPath) => {
        cpSync(folder, contextPath, { recursive: true })
        await mkdir(join(contextPath, 'packages'))
        for (const [title, layer] of titledLayers(manifest)) {
          await writeFile(join(contextPath, 'packages', title), bundle.read(layer.digest))
        }
        await buildImage({ tag, key, contextPath, args })
      })
    await ensureImage({ tag, key, build })
    return tag
  } finally {
    await bundle.close()
  }
}

import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { cachePath } from '../../../test/lab/cache.ts'
import { buildBundleOf, SPEC_FOLDER } from '../../lab/artifacts.ts'
import { imageSet } from './image-set.ts'

/** The profile with the eight images; one of them runs, as a hub without services is never up. */
export const IMAGE_SET_PROFILE = 'image-set'

/** Layers as the registry has them, and compressed with zstd. */
export const IMAGE_SET_BUNDLES = {
  gzip: cachePath('bundle', 'image-set.tar'),
  zstd: cachePath('bundle', 'image-set-zstd.tar'),
}

const SERVICES = 'services/image-set.yaml'
const IDLE = ['sleep', 'infinity']

/** Full references, as the bundle names them. */
export const imageSetNames = imageSet.map(({ repository, tag }) => `docker.io/${repository}:${tag}`)

/** Both. The harness's own bundle with one profile more: so the command that is timed is the one that users type. */
export async function buildImageSetBundles(registry: string): Promise<void> {
  const folder = cachePath('image-set-spec')
  await mkdir(folder, { recursive: true })
  await cp(SPEC_FOLDER, folder, { recursive: true, force: true })
  await change(join(folder, 'bundle.yaml'), (spec) => {
    Object.assign(spec.images, Object.fromEntries(imageSetNames.map((name) => [keyOf(name), name])))
    spec.profiles[IMAGE_SET_PROFILE] = imageSetNames.map(keyOf)
  })
  await change(join(folder, 'deployment.yaml'), (definition) => {
    definition.services.push(SERVICES)
    definition.profiles[IMAGE_SET_PROFILE] = { title: 'images alone', services: imageSetNames.map(keyOf) }
  })
  const services = imageSetNames.map((name) => [
    keyOf(name),
    { onDemand: name !== imageSetNames[0], memoryBytes: 0, compose: { image: name, init: true, command: IDLE } },
  ])
  await writeFile(join(folder, SERVICES), stringify(Object.fromEntries(services)))
  const build = (path: string, more: string[]) =>
    buildBundleOf(join(folder, 'bundle.yaml'), [IMAGE_SET_PROFILE], path, registry, more)
  await build(IMAGE_SET_BUNDLES.gzip, [])
  await build(IMAGE_SET_BUNDLES.zstd, ['--compression', 'zstd'])
}

function keyOf(name: string): string {
  return `set-${name.replace(/^.*\/([^/]+):.*$/, '$1')}`
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the YAML holds
async function change(path: string, edit: (content: any) => void): Promise<void> {
  const content = parse(await readFile(path, 'utf8'))
  edit(content)
  await writeFile(path, stringify(content, { aliasDuplicateObjects: false }))
}

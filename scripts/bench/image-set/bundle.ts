import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { cachePath } from '../../../test/lab/cache.ts'
import { buildBundleOf, SPEC_FOLDER } from '../../lab/artifacts.ts'
import { imageSet } from './image-set.ts'

/** The profile with the eight images; one of them runs, as a hub without services is never up. */
export const IMAGE_SET_PROFILE = 'image-set'

export const IMAGE_SET_BUNDLE = cachePath('bundle', 'image-set.tar')

const SERVICES = 'services/image-set.yaml'
const IDLE = ['sleep', 'infinity']

/** Full references, as the bundle names them. */
export const imageSetNames = imageSet.map(({ repository, tag }) => `docker.io/${repository}:${tag}`)

/** The harness's own bundle with one profile more: so the command that is timed is the one that users type. */
export async function buildImageSetBundle(registry: string): Promise<void> {
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
  await buildBundleOf(join(folder, 'bundle.yaml'), [IMAGE_SET_PROFILE], IMAGE_SET_BUNDLE, registry)
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

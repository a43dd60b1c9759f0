import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { cachePath } from '../../../test/lab/cache.ts'
import { buildBundleOf, SPEC_FOLDER } from '../../lab/artifacts.ts'
import type { SetVersion } from './applications.ts'
import { imageSet } from './image-set.ts'

/** The profile with the eight images; one of them runs, as a hub without services is never up. */
export const IMAGE_SET_PROFILE = 'image-set'

/** How the layers of a bundle are compressed: as the registry has them, or anew. */
export type Compression = 'gzip' | 'zstd'
const COMPRESSIONS: Compression[] = ['gzip', 'zstd']

const VERSIONS: SetVersion[] = [1, 2]
const SERVICES = 'services/image-set.yaml'
const IDLE = ['sleep', 'infinity']

export function imageSetBundle(version: SetVersion, compression: Compression): string {
  return cachePath('bundle', `image-set-${version}-${compression}.tar`)
}

/** Of version 2 over version 1: only what that lacks, with patches of the layers that have changed. */
export function imageSetDelta(compression: Compression): string {
  return cachePath('bundle', `image-set-delta-${compression}.tar`)
}

/** All of them. The harness's own bundle with one profile more: so the command that is timed is the one that users type. */
export async function buildImageSetBundles(registry: string): Promise<void> {
  for (const version of VERSIONS) {
    const spec = await writeSpec(version)
    for (const compression of COMPRESSIONS) {
      const more = compression === 'zstd' ? ['--compression', 'zstd'] : []
      const build = (path: string, flags: string[]) =>
        buildBundleOf(spec, [IMAGE_SET_PROFILE], path, registry, [...more, ...flags])
      await build(imageSetBundle(version, compression), [])
      if (version === 2) await build(imageSetDelta(compression), ['--base', imageSetBundle(1, compression)])
    }
  }
}

/** @returns the path of its bundle.yaml */
async function writeSpec(version: SetVersion): Promise<string> {
  const folder = cachePath(`image-set-spec-${version}`)
  await mkdir(folder, { recursive: true })
  await cp(SPEC_FOLDER, folder, { recursive: true, force: true })
  const images = imageSet(version).map(({ repository, tag }) => ({
    key: `set-${repository.replace(/^.*\//, '')}`,
    name: `docker.io/${repository}:${tag}`,
  }))
  const keys = images.map(({ key }) => key)
  await change(join(folder, 'bundle.yaml'), (spec) => {
    // A later release than the first one's, so that to install it is an upgrade.
    spec.version = spec.version.replace(/\d+$/, (patch: string) => `${Number(patch) + version}`)
    Object.assign(spec.images, Object.fromEntries(images.map(({ key, name }) => [key, name])))
    spec.profiles[IMAGE_SET_PROFILE] = keys
  })
  await change(join(folder, 'deployment.yaml'), (definition) => {
    definition.services.push(SERVICES)
    definition.profiles[IMAGE_SET_PROFILE] = { title: 'images alone', services: keys }
  })
  const services = images.map(({ key, name }, at) => [
    key,
    { onDemand: at > 0, memoryBytes: 0, compose: { image: name, init: true, command: IDLE } },
  ])
  await writeFile(join(folder, SERVICES), stringify(Object.fromEntries(services)))
  return join(folder, 'bundle.yaml')
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the YAML holds
async function change(path: string, edit: (content: any) => void): Promise<void> {
  const content = parse(await readFile(path, 'utf8'))
  edit(content)
  await writeFile(path, stringify(content, { aliasDuplicateObjects: false }))
}

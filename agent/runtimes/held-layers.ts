import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { hexOf } from '../../bundles/format/digest.ts'
import type { Descriptor, Digest } from '../../bundles/format/manifest.ts'
import type { DockerFacts } from '../contract/facts.ts'
import { diffIdsOf, listImages } from './docker.ts'

/** A layer of an image that is to be pulled. */
export interface PulledLayer {
  /** As the bundle lists it. */
  sent: Descriptor
  /** By what Docker asks for it: another digest where it is handed out unpacked. */
  askedFor: Digest
  /** Of its content, from the image's configuration. */
  diffId: string
}

/** What a Docker daemon has, so that it does not ask for it again. */
export interface HeldLayers {
  imageStore: 'classic' | 'containerd'
  /** IDs of its images, with a name or without. */
  imageIds: ReadonlySet<string>
  /** The diff IDs of each image's layers, from the lowest on. */
  stacks: string[][]
  /** Layers by the digest that they were pulled under, as hexadecimal; undefined where that cannot be read. */
  pulled: ReadonlySet<string> | undefined
}

/** Nothing: Docker is not there, or does not run. */
export const NO_LAYERS: HeldLayers = {
  imageStore: 'classic',
  imageIds: new Set(),
  stacks: [],
  pulled: undefined,
}

/** Asks the daemon, and looks into its folder. @throws MojaboxError `docker-failed` */
export async function heldLayers(docker: DockerFacts | null, signal?: AbortSignal): Promise<HeldLayers> {
  if (docker?.running !== true) return NO_LAYERS
  const imageIds = new Set((await listImages(signal)).map(({ id }) => id))
  const stacks: string[][] = []
  for (const id of imageIds) stacks.push(await diffIdsOf(id, signal))
  return { imageStore: docker.imageStore ?? 'classic', imageIds, stacks, pulled: await pulledDigests(docker) }
}

/**
 * Those of an image's layers that Docker asks for when it pulls the image. Its own store takes a layer for had when it
 * lies on the very same layers, and was pulled under the same digest; from the first that is lacking on, it asks for
 * all. With containerd's store the content of each counts by itself.
 */
export function layersAskedFor(layers: PulledLayer[], held: HeldLayers): PulledLayer[] {
  const { pulled } = held
  const isKnown = ({ askedFor }: PulledLayer): boolean => pulled?.has(hexOf(askedFor)) ?? true
  if (held.imageStore === 'containerd' && pulled !== undefined) return layers.filter((layer) => !isKnown(layer))
  const below = Math.max(0, ...held.stacks.map((stack) => sharedBelow(layers, stack)))
  const unknown = layers.slice(0, below).findIndex((layer) => !isKnown(layer))
  return layers.slice(unknown < 0 ? below : unknown)
}

/** How many layers two stacks share, from the lowest on. */
function sharedBelow(layers: PulledLayer[], stack: string[]): number {
  const differs = layers.findIndex(({ diffId }, at) => stack[at] !== diffId)
  return differs < 0 ? layers.length : differs
}

/** Docker's own note of what was pulled as what, or containerd's content. */
async function pulledDigests({ imageStore, rootDir, storageDriver }: DockerFacts): Promise<Set<string> | undefined> {
  const root = rootDir ?? '/var/lib/docker'
  const folders =
    imageStore === 'containerd'
      ? ['/var/lib/containerd', join(root, 'containerd', 'daemon')].map((path) =>
          join(path, 'io.containerd.content.v1.content', 'blobs', 'sha256'),
        )
      : [join(root, 'image', storageDriver ?? 'overlay2', 'distribution', 'diffid-by-digest', 'sha256')]
  const found = await Promise.all(folders.map((folder) => readdir(folder).catch(() => undefined)))
  const names = found.filter((name) => name !== undefined)
  return names.length === 0 ? undefined : new Set(names.flat())
}

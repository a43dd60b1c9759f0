import { hexOf } from '../../bundles/format/digest.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import type { RunCommand } from '../contract/step.ts'
import { collectDocker } from '../facts/docker.ts'
import { listImages, loadImages, pullImage, removeImage, splitReference, tagImage } from '../runtimes/docker.ts'
import { heldLayers } from '../runtimes/held-layers.ts'
import { imageArchive } from '../store/image-archive.ts'
import type { CarriedImage } from '../store/image-content.ts'
import type { MirrorContent } from '../store/mirror.ts'

/** Out of what an image is delivered. */
export interface Delivery {
  /** The mirror's address, `127.0.0.1:PORT`. */
  mirror: string
  /** What that mirror hands out. */
  content: MirrorContent
  run: RunCommand
  signal: AbortSignal
}

/**
 * Brings an image into Docker: pulled under the mirror's name, given its own, and the mirror's taken away again.
 * @throws MojaboxError `docker-failed`, `disk-full`
 */
export async function deliverImage(image: CarriedImage, delivery: Delivery): Promise<void> {
  const { repository, tag } = splitReference(image.name)
  const mirrored = `${delivery.mirror}/${repository}`
  await pullImage(mirrored, tag, delivery.signal)
  const isWhole = (await listImages(delivery.signal, `${mirrored}:${tag}`)).length > 0
  if (!isWhole) await complete(image, `${mirrored}:${tag}`, delivery)
  await tagImage(`${mirrored}:${tag}`, repository, tag)
  await removeImage(`${mirrored}:${tag}`, true)
}

/**
 * containerd's store does not pull a layer that it has unpacked before, though it may have had it in another form: out of
 * a saved tar. Nor does it list an image whose content is not whole. An archive of what is missing makes it so.
 */
async function complete(image: CarriedImage, name: string, { content, run, signal }: Delivery): Promise<void> {
  const { facts } = await collectDocker(run)
  const { pulled } = await heldLayers(facts, signal)
  const isHeld = (digest: Digest): boolean => pulled?.has(hexOf(digest)) ?? false
  await loadImages(imageArchive(image, name, content, isHeld), signal)
}

import { setTimeout as delay } from 'node:timers/promises'
import pLimit from 'p-limit'
import { hexOf } from '../../bundles/format/digest.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import type { RunCommand } from '../contract/step.ts'
import { collectDocker } from '../facts/docker.ts'
import { listImages, loadImages, pullImage, removeImage, splitReference, tagImage } from '../runtimes/docker.ts'
import { heldLayers } from '../runtimes/held-layers.ts'
import { imageArchive } from '../store/image-archive.ts'
import type { CarriedImage, ImageContent } from '../store/image-content.ts'
import type { Pull } from './pull-order.ts'

/** Out of what images are delivered. */
export interface Delivery {
  /** The mirror's address, `127.0.0.1:PORT`. */
  mirror: string
  /** What that mirror hands out. */
  content: ImageContent
  run: RunCommand
  signal: AbortSignal
}

/** Images asked for at once: the first lever on the time a delivery takes (28 s to 19 s where measured). */
const PULLS_AT_ONCE = 8
/** Between the first pulls: Docker asks for layers in the order in which it learns of them. */
const STAGGER_MS = 20
/** Images whose blobs come before Docker asks. */
const BROUGHT_AT_ONCE = 4

/**
 * Brings images into Docker: pulled under the mirror's name, given their own, and the mirror's taken away again.
 * @throws MojaboxError `docker-failed`, `disk-full`
 */
export async function deliverImages(pulls: readonly Pull[], delivery: Delivery): Promise<void> {
  const { content, signal } = delivery
  const [pulling, bringing] = [pLimit(PULLS_AT_ONCE), pLimit(BROUGHT_AT_ONCE)]
  // The link need not rest while images wait for each other; what cannot be had is told to who asks for it.
  if (pulls.some(({ after }) => after.length > 0))
    for (const { image } of pulls) bringing(() => content.bring(image)).catch(() => {})
  const pulled = new Map<string, Promise<void>>()
  const delivered = pulls.map(async ({ image, after }, at) => {
    const before = Promise.all(after.map(({ name }) => pulled.get(name)))
    const done = before.then(() =>
      pulling(async () => {
        if (at < PULLS_AT_ONCE) await delay(at * STAGGER_MS, undefined, { signal })
        await pull(image, delivery)
      }),
    )
    pulled.set(image.name, done)
    await done
    await giveName(image, delivery)
  })
  try {
    await Promise.all(delivered)
  } finally {
    bringing.clearQueue()
  }
}

async function pull(image: CarriedImage, { mirror, signal }: Delivery): Promise<void> {
  const { repository, tag } = mirroredName(image, mirror)
  await pullImage(repository, tag, signal)
}

async function giveName(image: CarriedImage, delivery: Delivery): Promise<void> {
  const own = splitReference(image.name)
  const { repository, tag } = mirroredName(image, delivery.mirror)
  const mirrored = `${repository}:${tag}`
  const isWhole = (await listImages(delivery.signal, mirrored)).length > 0
  if (!isWhole) await complete(image, mirrored, delivery)
  await tagImage(mirrored, own.repository, own.tag)
  await removeImage(mirrored, true)
}

function mirroredName({ name }: CarriedImage, mirror: string): ReturnType<typeof splitReference> {
  const { repository, tag } = splitReference(name)
  return { repository: `${mirror}/${repository}`, tag }
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

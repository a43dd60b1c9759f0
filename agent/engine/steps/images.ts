import { bytesText } from '../../../bundles/format/bytes-text.ts'
import type { Json, StepContext, StepHandler } from '../../contract/step.ts'
import { collectDocker } from '../../facts/docker.ts'
import { containersOf, dockerIsThere } from '../../runtimes/compose.ts'
import {
  familiarName,
  imageIdIn,
  listImages,
  readsZstd,
  removeImage,
  splitReference,
  tagImage,
} from '../../runtimes/docker.ts'
import { type HeldLayers, heldLayers } from '../../runtimes/held-layers.ts'
import { type CarriedImage, carriedImages, imageContent } from '../../store/image-content.ts'
import { type LayerForms, layerForms, wantsWhole } from '../../store/layer-forms.ts'
import { serveMirror } from '../../store/mirror.ts'
import { deliverImages } from '../deliver-images.ts'
import { followArrivals } from '../follow-arrivals.ts'
import { pullOrder } from '../pull-order.ts'

export interface ImagesParams {
  /** Full references, as the bundle and the Compose file name them. */
  names: string[]
  /** In OCI terms, such as `amd64`. */
  architecture: string
}

/** Images in the Docker daemon: it pulls from the node's mirror, which asks the desk for what it lacks. */
export const images: StepHandler<ImagesParams> = {
  describe: (params) => `${params.names.length} images in Docker`,

  async isDone(context, params) {
    return (await missing(context, params)).length === 0
  },

  async before(context, params): Promise<Json> {
    const there = await listImages(context.signal)
    return Object.fromEntries(params.names.map((name) => [name, imageIdIn(there, name) ?? null]))
  },

  async apply(context, params) {
    await context.store.prepare()
    await removeMirrorNames(params)
    const wanted = await missing(context, params)
    const { forms, imageStore } = await formsFor(context, wanted)
    const content = imageContent(context, wanted, forms)
    const { skipped } = content
    if (skipped.layers > 0) {
      const count = `${skipped.layers} ${skipped.layers === 1 ? 'layer' : 'layers'}`
      context.note(`Docker has ${count} already: ${bytesText(skipped.bytes)} less to send`)
    }
    const mirror = await serveMirror(content)
    const following = await followArrivals(context, () => content.blobsToCome, 'Docker unpacks')
    if (following.earlierBytes > 0)
      context.note(`${bytesText(following.earlierBytes)} came in an earlier run: so much less to send`)
    const signal = AbortSignal.any([context.signal, content.failed])
    try {
      const delivery = { mirror: mirror.address, content, run: context.run, signal }
      await deliverImages(pullOrder(wanted, forms, imageStore), delivery)
    } catch (error) {
      // Why a blob did not come says more than that the daemon's pull was cut.
      throw content.failed.aborted ? content.failed.reason : error
    } finally {
      following.end()
      await mirror.close()
      await content.settle()
    }
    const { layers, insteadOfBytes, patchBytes } = content.made
    if (layers > 0) {
      const spared = bytesText(insteadOfBytes - patchBytes)
      context.note(`${layers} layers were made of what Docker has: ${spared} less to send`)
    }
    if (!context.order.settings.keepBlobs) await context.arrivals.clear()
  },

  async neededBy(context, params, before) {
    if (!(await dockerIsThere(context.run))) return []
    const earlier = before as Record<string, string | null>
    const there = await listImages(context.signal)
    const ids = params.names
      .map((name) => imageIdIn(there, name))
      .filter((id, at) => id !== earlier[params.names[at] ?? ''])
    return containersOf(
      context.run,
      ids.filter((id) => id !== undefined),
    )
  },

  async undo(context, params, before) {
    const earlier = before as Record<string, string | null>
    if (!(await dockerIsThere(context.run))) return
    await removeMirrorNames(params)
    const there = await listImages(context.signal)
    for (const name of params.names) {
      const { repository, tag } = splitReference(name)
      const id = imageIdIn(there, name)
      const previous = earlier[name]
      if (!id || id === previous) continue
      const gaveBack = previous !== undefined && previous !== null && there.some((image) => image.id === previous)
      if (gaveBack) await tagImage(previous, repository, tag)
      // Its name went back to whose it was: ours goes too, unless somebody gave it a name of their own.
      const goes = gaveBack ? await isNameless(id, context.signal) : true
      if (!goes) continue
      await removeImage(gaveBack ? id : familiarName(name)).catch(() =>
        context.note(`${name} stays: something else uses it`),
      )
    }
  },
}

async function missing(context: StepContext, params: ImagesParams): Promise<CarriedImage[]> {
  const carried = await carriedImages(context, params.names, params.architecture)
  const there = await listImages(context.signal)
  return carried.filter((image) => !image.ids.some((id) => id === imageIdIn(there, image.name)))
}

/** A run that was killed between a pull and its tag left the mirror's name behind; the port was another one. */
async function removeMirrorNames(params: ImagesParams): Promise<void> {
  const ours = new Set(params.names)
  for (const { tags } of await listImages()) {
    for (const tag of tags) {
      const mirrored = /^127\.0\.0\.1:\d+\/(.+)$/.exec(tag)?.[1]
      if (mirrored && ours.has(mirrored)) await removeImage(tag, true)
    }
  }
}

async function isNameless(id: string, signal: AbortSignal): Promise<boolean> {
  const image = (await listImages(signal)).find((there) => there.id === id)
  return image?.tags.every((tag) => tag === '<none>:<none>') ?? false
}

async function formsFor(
  context: StepContext,
  wanted: CarriedImage[],
): Promise<{ forms: LayerForms; imageStore: HeldLayers['imageStore'] }> {
  const { bundle, order, signal } = context
  if (bundle === undefined || wanted.length === 0) return { forms: new Map(), imageStore: 'classic' }
  const { facts: docker } = await collectDocker(context.run)
  const held = await heldLayers(docker, signal)
  const about = { docker, held, readsZstd: await readsZstd(signal), wantsWhole: wantsWhole(order) }
  return { forms: await layerForms(bundle, wanted, about), imageStore: held.imageStore }
}

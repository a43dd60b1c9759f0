import { setTimeout as delay } from 'node:timers/promises'
import { MojaboxError } from '../../bundles/format/error.ts'
import { type Descriptor, type Digest, MEDIA_TYPES, type OciManifest } from '../../bundles/format/manifest.ts'
import { indexFrom, manifestFrom } from '../../bundles/format/read-document.ts'
import type { StepContext } from '../contract/step.ts'
import type { MirrorBlob } from './answer-blob.ts'
import type { Arrival } from './arrivals.ts'
import type { LayerForm, LayerForms } from './layer-forms.ts'
import { madeLayer } from './made-layers.ts'
import type { MirrorContent } from './mirror.ts'
import { from, manifestOf, unpacked } from './plain-layers.ts'
import type { SizedBlob } from './store.ts'

/** An image of the bundle, resolved for one architecture. */
export interface CarriedImage {
  name: string
  /** What a runtime may show as its ID: the configuration's digest, the manifest's, or the index's. */
  ids: Digest[]
  /** The descriptors the name leads to: the manifest, and before it the index if there is one. */
  manifests: Descriptor[]
  manifest: OciManifest
  /** Configuration and layers. */
  blobs: Descriptor[]
  /** Of its layers together, as the bundle says. */
  unpackedBytes: number
}

const INDEXES: string[] = [MEDIA_TYPES.index, MEDIA_TYPES.dockerList]

/** @throws MojaboxError `image-not-in-bundle`, `platform-not-in-bundle` */
export async function carriedImages(
  context: Pick<StepContext, 'bundle'>,
  names: string[],
  architecture: string,
): Promise<CarriedImage[]> {
  return Promise.all(names.map((name) => carriedImage(context, name, architecture)))
}

async function carriedImage(
  { bundle }: Pick<StepContext, 'bundle'>,
  name: string,
  architecture: string,
): Promise<CarriedImage> {
  const artifact = bundle?.manifest.artifacts.find((candidate) => candidate.kind === 'image' && candidate.name === name)
  if (!bundle || !artifact) throw notCarried('image-not-in-bundle', `the bundle lacks the image ${name}`)
  const manifests = [artifact.descriptor]
  let chosen = artifact.descriptor
  if (INDEXES.includes(chosen.mediaType)) {
    const index = await indexFrom(bundle.readBlob, chosen.digest)
    const match = index.manifests.find((entry) => entry.platform?.architecture === architecture)
    if (!match) throw notCarried('platform-not-in-bundle', `the bundle has ${name}, but not for ${architecture}`)
    chosen = match
    manifests.push(chosen)
  } else if (artifact.platform && artifact.platform.architecture !== architecture) {
    throw notCarried(
      'platform-not-in-bundle',
      `the bundle has ${name} for ${artifact.platform.architecture}, not for ${architecture}`,
    )
  }
  const manifest = await manifestFrom(bundle.readBlob, chosen.digest)
  const ids = [...new Set([manifest.config.digest, ...manifests.map((entry) => entry.digest)])]
  const blobs = [manifest.config, ...manifest.layers]
  return { name, ids, manifests, manifest, blobs, unpackedBytes: artifact.unpackedBytes }
}

/** How long answers that were sent may take to be accounted for. */
const ACCOUNTING_LIMIT_MS = 2_000

export interface ImageContent extends MirrorContent {
  /** What is to come; more, where a layer cannot be made of what is here. */
  readonly blobsToCome: SizedBlob[]
  /** Layers that the runtime has already. */
  readonly skipped: { layers: number; bytes: number }
  /** What was made on the node, in place of layers that would have come. */
  readonly made: { layers: number; insteadOfBytes: number; patchBytes: number }
  /** Aborted with its reason when a blob cannot be had: the daemon would only see a cut body, and try again. */
  failed: AbortSignal
  /**
   * Has what Docker will ask for of an image come before it asks. Resolves when that is here, or cannot be had, which
   * `failed` tells.
   */
  bring(image: CarriedImage): Promise<void>
  /** Keeps what the site wants kept. */
  settle(): Promise<void>
}

/**
 * What the mirror may hand out while these images are delivered: their manifests, and their blobs as they arrive; layers
 * in the forms that are named, as they are sent where none is.
 */
export function imageContent(
  context: StepContext,
  images: CarriedImage[],
  forms: LayerForms = new Map(),
): ImageContent {
  const blobs = new Map(images.flatMap((image) => image.blobs.map((blob) => [blob.digest, blob.size] as const)))
  const manifests = new Map<string, Descriptor>()
  for (const image of images) {
    for (const entry of image.manifests) manifests.set(entry.digest, entry)
    const top = image.manifests[0]
    if (top) manifests.set(image.name, top)
  }
  const changed = new Map<string, { descriptor: Descriptor; bytes: Buffer }>()
  const tars = new Map<Digest, LayerForm>()
  for (const { name, manifest } of images) {
    const layers = forms.get(name) ?? []
    const form = layers.length === manifest.layers.length ? manifestOf(manifest, layers) : undefined
    if (form === undefined) continue
    changed.set(name, form).set(form.descriptor.digest, form)
    for (const layer of layers) if (layer.handedOut !== layer.sent) tars.set(layer.handedOut.digest, layer)
  }
  /** Layers that are made here, by the digest of their own blob, which does not come then. */
  const made = new Map([...tars.values()].filter(({ origin }) => origin).map((layer) => [layer.sent.digest, layer]))
  const patches = new Map(
    [...made.values()]
      .flatMap(({ origin }) => origin?.patch ?? [])
      .map((patch) => [patch.descriptor.digest, patch.descriptor.size]),
  )
  const asked = new Set(
    [...forms.values()].flatMap((layers) => layers.filter((layer) => layer.asked)).map(digestOfSent),
  )
  const skipped = new Map([...forms.values()].flat().map(({ sent }) => [sent.digest, sent.size]))
  for (const digest of asked) skipped.delete(digest)
  const { keepBlobs } = context.order.settings
  /** Requests under way, and what the runtime has taken whole at least once. */
  const readers = new Map<Digest, number>()
  const served = new Set<Digest>()
  const failure = new AbortController()
  /** A fault of the bundle ends the delivery: the runtime would ask again and again. */
  async function* watched(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      yield* pieces
    } catch (error) {
      if (error instanceof MojaboxError) failure.abort(error)
      throw error
    }
  }
  const content: ImageContent = {
    failed: failure.signal,

    get blobsToCome() {
      const own = [...blobs].filter(([digest]) => !made.has(digest) && !skipped.has(digest))
      return [...own, ...patches].map(([digest, sizeBytes]) => ({ digest, sizeBytes }))
    },

    skipped: { layers: skipped.size, bytes: [...skipped.values()].reduce((sum, size) => sum + size, 0) },

    get made() {
      const layers = [...made.values()]
      const patchBytes = layers.reduce((sum, { origin }) => sum + (origin?.patch?.descriptor.size ?? 0), 0)
      return { layers: layers.length, insteadOfBytes: layers.reduce((sum, { sent }) => sum + sent.size, 0), patchBytes }
    },

    async manifest(reference) {
      const form = changed.get(reference)
      if (form) return form
      const descriptor = manifests.get(reference)
      if (!descriptor || !context.bundle) return undefined
      return { descriptor, bytes: await context.bundle.readBlob(descriptor.digest) }
    },

    async blob(digest): Promise<MirrorBlob | undefined> {
      const tar = tars.get(digest)
      if (tar && made.has(tar.sent.digest)) return madeBlob(tar)
      const sent = tar && (await content.blob(tar.sent.digest))
      if (tar && sent) {
        const read = (offset: number) => watched(from(unpacked(sent.read(0), tar), offset))
        return { ...sent, sizeBytes: tar.handedOut.size, read }
      }
      const sizeBytes = blobs.get(digest) ?? patches.get(digest)
      if (sizeBytes === undefined) return undefined
      if ((await context.store.sizeOf(digest)) === sizeBytes) {
        // Who asks for the rest of a blob checks it whole by itself.
        const kept = (offset: number) =>
          offset > 0 ? context.store.read(digest, offset) : context.store.readChecked(digest)
        return { sizeBytes, read: (offset) => watched(kept(offset)) }
      }
      const arrival = arrivalOf(digest, sizeBytes)
      readers.set(digest, (readers.get(digest) ?? 0) + 1)
      return {
        sizeBytes,
        read: (offset) => arrival.read(offset),
        done(whole) {
          const left = (readers.get(digest) ?? 1) - 1
          readers.set(digest, left)
          if (whole) served.add(digest)
          if (left === 0 && served.has(digest) && !keepBlobs) context.arrivals.drop(digest)
        },
      }
    },

    async bring({ name, manifest }) {
      const layers = (forms.get(name) ?? []).filter(({ asked }) => asked).map(({ sent }) => sent)
      for (const { digest, size } of [manifest.config, ...layers]) {
        if ((await context.store.sizeOf(digest)) === size) continue
        // What the runtime has taken went again.
        if (made.has(digest) || served.has(digest)) continue
        await arrivalOf(digest, size).done.catch(() => {})
      }
    },

    async settle() {
      if (!keepBlobs) return
      // The runtime has an image a moment before its last answer is accounted for here.
      const until = performance.now() + ACCOUNTING_LIMIT_MS
      while ([...readers.values()].some((count) => count > 0) && performance.now() < until) await delay(10)
      for (const digest of served) await context.arrivals.keep(digest, blobs.get(digest) ?? 0)
    },
  }

  function arrivalOf(digest: Digest, sizeBytes: number): Arrival {
    const arrival = context.arrivals.get(digest, sizeBytes)
    arrival.done.catch((error) => failure.abort(error))
    return arrival
  }

  /** Where it cannot be made, the daemon sees a cut body, asks for the rest, and gets that out of the layer's own blob. */
  async function madeBlob(layer: LayerForm): Promise<MirrorBlob | undefined> {
    const { origin, sent, handedOut } = layer
    if (origin === undefined) return undefined
    const patch = origin.patch && (await content.blob(origin.patch.descriptor.digest))
    const read = async function* (offset: number): AsyncGenerator<Buffer> {
      try {
        yield* from(madeLayer(layer, origin, patch?.read(0)), offset)
      } catch (error) {
        if (failure.signal.aborted) throw error
        if (isAbsent(sent.digest)) failure.abort(error)
        else if (made.delete(sent.digest)) context.note(`${sent.digest.slice(0, 19)} comes whole: ${reasonOf(error)}`)
        throw error
      }
    }
    return { ...patch, sizeBytes: handedOut.size, read }
  }

  /** A delta may have a patch in the layer's stead. */
  function isAbsent(digest: Digest): boolean {
    return context.order.leftOut?.blobs.includes(digest) ?? false
  }
  return content
}

function digestOfSent({ sent }: LayerForm): Digest {
  return sent.digest
}

function reasonOf(error: unknown): string {
  if (error instanceof MojaboxError) return [error.message, error.facts.found].filter(Boolean).join('; ')
  return error instanceof Error ? error.message : String(error)
}

function notCarried(code: string, message: string): MojaboxError {
  return new MojaboxError({
    code,
    kind: 'bundle',
    message,
    next: 'see `mojabox bundle inspect` for what it has; build one with this profile and platform (`bundle build --profile … --platform …`)',
  })
}

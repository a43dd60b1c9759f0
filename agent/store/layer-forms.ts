import { MojaboxError } from '../../bundles/format/error.ts'
import { diffIdsIn } from '../../bundles/format/image-config.ts'
import { type LayerPatch, patchesIn } from '../../bundles/format/layer-patch.ts'
import { Digest } from '../../bundles/format/manifest.ts'
import { manifestFrom, parseJson } from '../../bundles/format/read-document.ts'
import type { DockerFacts } from '../contract/facts.ts'
import type { NodeBundle } from '../contract/step.ts'
import type { WorkOrder } from '../contract/work-order.ts'
import { type DockerLayer, findDockerLayer, tarBytesOf } from '../runtimes/docker-layer.ts'
import { type HeldLayers, layersAskedFor } from '../runtimes/held-layers.ts'
import { type CarriedImage, carriedImages } from './image-content.ts'
import { type HandedOutLayer, isZstd, notedPlainLayer, plainLayer } from './plain-layers.ts'

/** Out of what a layer is made on the node, in place of its own blob. */
export interface LayerOrigin {
  /** A layer that Docker has: the very same, or the older one of the patch. */
  held: DockerLayer
  heldDiffId: Digest
  patch: LayerPatch | undefined
}

/** How one layer of an image comes to Docker. */
export interface LayerForm extends HandedOutLayer {
  /** Of its content, by the image's configuration. */
  diffId: string
  /** Docker will ask for it. */
  asked: boolean
  origin: LayerOrigin | undefined
}

/** The forms of each image's layers by its name. */
export type LayerForms = ReadonlyMap<string, LayerForm[]>

/** What the forms depend on. */
export interface FormsFor {
  docker: DockerFacts | null
  held: HeldLayers
  /** Docker takes zstd; else such layers are handed out unpacked. */
  readsZstd: boolean
  /** Whether a layer's own blob is to come, though it could be made here. */
  wantsWhole(layer: Digest): boolean
}

/**
 * How the layers of images are handed out. In Docker's own store, where an image is its configuration and a layer the
 * tar that it unpacks to, a layer need not come as its registry has it: what Docker has on other layers, or in an older
 * version for which the bundle has a patch, is made here. In containerd's store an image is its manifest: nothing is changed.
 */
export async function layerForms(bundle: NodeBundle, images: CarriedImage[], about: FormsFor): Promise<LayerForms> {
  const patches = new Map((await patchesOf(bundle)).map((patch) => [patch.layer, patch]))
  const forms = new Map<string, LayerForm[]>()
  for (const image of images) forms.set(image.name, await formsOf(bundle, image, patches, about))
  return forms
}

/** Blobs that the site keeps have to come as they are, where the desk has them. */
export function wantsWhole({ settings, leftOut }: Pick<WorkOrder, 'settings' | 'leftOut'>): FormsFor['wantsWhole'] {
  const absent = new Set(leftOut?.blobs)
  return (layer) => settings.keepBlobs && !absent.has(layer)
}

/** Bytes of the layers of these images that Docker would be handed as tars; of images for other processors nothing. */
export async function handedOutTarBytes(
  bundle: NodeBundle,
  names: string[],
  architecture: string,
  about: FormsFor,
): Promise<number> {
  if (about.held.stacks.length === 0 && about.readsZstd) return 0
  const images = await carriedImages({ bundle }, names, architecture).catch((error: unknown) => {
    if (error instanceof MojaboxError && error.facts.code === 'platform-not-in-bundle') return []
    throw error
  })
  const tars = new Map<Digest, number>()
  for (const layers of (await layerForms(bundle, images, about)).values()) {
    for (const { sent, handedOut, asked } of layers)
      if (asked && handedOut !== sent) tars.set(sent.digest, handedOut.size)
  }
  return [...tars.values()].reduce((sum, bytes) => sum + bytes, 0)
}

/** The patches that a bundle carries. */
export async function patchesOf({ manifest, readBlob }: NodeBundle): Promise<LayerPatch[]> {
  const artifact = manifest.artifacts.find(({ kind }) => kind === 'patches')
  if (artifact === undefined) return []
  return patchesIn(await manifestFrom(readBlob, artifact.descriptor.digest))
}

async function formsOf(
  bundle: NodeBundle,
  { manifest }: CarriedImage,
  patches: ReadonlyMap<Digest, LayerPatch>,
  about: FormsFor,
): Promise<LayerForm[]> {
  const diffIds = diffIdsIn(parseJson(await bundle.readBlob(manifest.config.digest)))
  const forms = await Promise.all(
    manifest.layers.map(async (sent, at): Promise<LayerForm> => {
      const stack = diffIds.slice(0, at + 1)
      const handedOut =
        (await knownAsTar(sent, stack, about)) ?? (isZstd(sent) && !about.readsZstd ? notedPlainLayer(sent) : sent)
      return { sent, handedOut, diffId: diffIds[at] ?? '', asked: false, origin: undefined }
    }),
  )
  const asked = new Set(
    layersAskedFor(
      forms.map((form) => ({ ...form, askedFor: form.handedOut.digest })),
      about.held,
    ).map(({ sent }) => sent),
  )
  return Promise.all(
    forms.map(async (form) => {
      if (!asked.has(form.sent)) return form
      const made = about.wantsWhole(form.sent.digest)
        ? undefined
        : await madeHere(form, patches.get(form.sent.digest), about)
      return { ...form, ...made, asked: true }
    }),
  )
}

/** A layer that Docker has, and was given as a tar by an earlier run: under another digest it would ask for it again. */
async function knownAsTar(
  sent: HandedOutLayer['sent'],
  stack: Digest[],
  { docker, held }: FormsFor,
): Promise<HandedOutLayer['sent'] | undefined> {
  const diffId = stack.at(-1)
  const { pulled } = held
  if (docker === null || held.imageStore === 'containerd' || diffId === undefined || pulled === undefined)
    return undefined
  if (pulled.has(hex(sent.digest)) || !pulled.has(hex(diffId)) || !isHeld(stack, held)) return undefined
  const layer = await findDockerLayer(docker, stack)
  const bytes = layer && (await tarBytesOf(layer).catch(() => undefined))
  return bytes === undefined ? undefined : plainLayer(sent, diffId, bytes)
}

function hex(digest: string): string {
  return digest.slice('sha256:'.length)
}

function isHeld(stack: string[], { stacks }: HeldLayers): boolean {
  return stacks.some((held) => stack.every((diffId, at) => held[at] === diffId))
}

/** Out of what Docker has: the same layer on others, or an older one and a patch. */
async function madeHere(
  { sent, diffId }: LayerForm,
  patch: LayerPatch | undefined,
  about: FormsFor,
): Promise<Pick<LayerForm, 'handedOut' | 'origin'> | undefined> {
  const same = Digest.safeParse(diffId).data
  if (same === undefined) return undefined
  const held = await heldLayer(same, about)
  const bytes = held && (await tarBytesOf(held).catch(() => undefined))
  if (held && bytes !== undefined) {
    return { handedOut: plainLayer(sent, same, bytes), origin: { held, heldDiffId: same, patch: undefined } }
  }
  const older = patch?.to.diffId === same ? await heldLayer(patch.from.diffId, about) : undefined
  if (patch === undefined || older === undefined) return undefined
  const origin = { held: older, heldDiffId: patch.from.diffId, patch }
  return { handedOut: plainLayer(sent, same, patch.to.sizeBytes), origin }
}

/** A layer of that content in Docker's own store, on whatever layers it lies. */
async function heldLayer(diffId: Digest, { docker, held }: FormsFor): Promise<DockerLayer | undefined> {
  if (docker === null) return undefined
  for (const stack of held.stacks) {
    const at = stack.indexOf(diffId)
    const found = at < 0 ? undefined : await findDockerLayer(docker, stack.slice(0, at + 1))
    if (found) return found
  }
  return undefined
}

import { z } from 'zod'
import type { Digest } from '../../bundles/format/manifest.ts'
import { parseJson } from '../../bundles/format/read-document.ts'
import type { NodeBundle } from '../contract/step.ts'
import { familiarName } from '../runtimes/docker.ts'
import { type HeldLayers, layersAskedFor, type PulledLayer } from '../runtimes/held-layers.ts'
import { type CarriedImage, carriedImages } from '../store/image-content.ts'
import { withPlainLayers } from '../store/plain-layers.ts'
import type { Store } from '../store/store.ts'

/** What an install needs of a bundle. */
export interface Wanted {
  /** The images that come from the bundle, full names. */
  images: string[]
  /** In OCI terms, such as `amd64`. */
  architecture: string
  /** Blobs that go into the store. */
  stored: { digest: Digest; sizeBytes: number }[]
}

/** What the node has. */
export interface Had {
  docker: HeldLayers
  /** Docker takes zstd; else such layers are handed out unpacked. */
  readsZstd: boolean
}

/** A blob that the node will take from elsewhere. */
export interface NeededBlob {
  digest: Digest
  sizeBytes: number
  /** Of what it is a part, in words. */
  what: string
}

/** Of an image's configuration. */
const ImageConfig = z.object({ rootfs: z.object({ diff_ids: z.array(z.string()) }) })

/** What an install will ask for of the bundle's blobs: those for the store, and the layers that Docker lacks. Each once. */
export async function neededBlobs(bundle: NodeBundle, wanted: Wanted, had: Had): Promise<NeededBlob[]> {
  const all = [...storedBlobs(wanted), ...(await layersOfImages(bundle, wanted, had))]
  return all.filter(({ digest }, at) => all.findIndex((blob) => blob.digest === digest) === at)
}

/** Those of them that the store has not. */
export async function lackedBlobs(needed: NeededBlob[], store: Pick<Store, 'sizeOf'>): Promise<NeededBlob[]> {
  const sizes = await Promise.all(needed.map(({ digest }) => store.sizeOf(digest)))
  return needed.filter(({ sizeBytes }, at) => sizes[at] !== sizeBytes)
}

function storedBlobs({ stored }: Wanted): NeededBlob[] {
  return stored.map(({ digest, sizeBytes }) => ({ digest, sizeBytes, what: 'the packages' }))
}

/** The layers that Docker will ask for. */
async function layersOfImages(bundle: NodeBundle, { images, architecture }: Wanted, had: Had): Promise<NeededBlob[]> {
  const carried = await carriedImages({ bundle }, images, architecture)
  // An image that is wholly there is not pulled, or nothing of it but its manifest.
  const pulled = carried.filter(({ ids }) => !ids.some((id) => had.docker.imageIds.has(id)))
  const found = pulled.map(async (image): Promise<NeededBlob[]> => {
    const layers = await pulledLayers(bundle, image, had.readsZstd)
    const what = familiarName(image.name)
    return layersAskedFor(layers, had.docker).map(({ sent }) => ({ digest: sent.digest, sizeBytes: sent.size, what }))
  })
  return (await Promise.all(found)).flat()
}

async function pulledLayers(
  bundle: NodeBundle,
  { manifest }: CarriedImage,
  readsZstd: boolean,
): Promise<PulledLayer[]> {
  const config = ImageConfig.safeParse(parseJson(await bundle.readBlob(manifest.config.digest)))
  const diffIds = config.data?.rootfs.diff_ids ?? []
  const plain = readsZstd ? [] : withPlainLayers(manifest).plain
  return manifest.layers.map((sent, at) => ({
    sent,
    askedFor: plain.find((layer) => layer.sent === sent)?.handedOut.digest ?? sent.digest,
    diffId: diffIds[at] ?? '',
  }))
}

import type { Digest } from '../../bundles/format/manifest.ts'
import type { NodeBundle } from '../contract/step.ts'
import { familiarName } from '../runtimes/docker.ts'
import { carriedImages } from '../store/image-content.ts'
import { type FormsFor, type LayerForm, type LayerOrigin, layerForms } from '../store/layer-forms.ts'
import { isIntact } from '../store/made-layers.ts'
import type { SizedBlob, Store } from '../store/store.ts'

/** What an install needs of a bundle. */
export interface Wanted {
  /** The images that come from the bundle, full names. */
  images: string[]
  /** In OCI terms, such as `amd64`. */
  architecture: string
  /** Blobs that go into the store. */
  stored: SizedBlob[]
  /** What the bundle lists and nobody can bring. */
  absent?: ReadonlySet<Digest>
}

/** A blob that the node will take from elsewhere. */
export interface NeededBlob extends SizedBlob {
  /** Of what it is a part, in words. */
  what: string
}

/** What an install will ask for of the bundle's blobs: those for the store, and the layers that Docker lacks. Each once. */
export async function neededBlobs(bundle: NodeBundle, wanted: Wanted, had: FormsFor): Promise<NeededBlob[]> {
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

/** The layers that Docker will ask for; of those that are made of what it has, the patches. */
async function layersOfImages(
  bundle: NodeBundle,
  { images, architecture, absent = new Set() }: Wanted,
  had: FormsFor,
): Promise<NeededBlob[]> {
  const carried = await carriedImages({ bundle }, images, architecture)
  // An image that is wholly there is not pulled, or nothing of it but its manifest.
  const pulled = carried.filter(({ ids }) => !ids.some((id) => had.held.imageIds.has(id)))
  const canMake = intactOnce()
  const needed: NeededBlob[] = []
  for (const [name, layers] of await layerForms(bundle, pulled, had)) {
    for (const { sent, asked, origin } of layers) {
      if (!asked) continue
      // What can be had whole may turn out to be no good here; what cannot has to be looked at before.
      const made = origin && (!absent.has(sent.digest) || (await canMake(origin))) ? origin : undefined
      const from = made ? made.patch?.descriptor : sent
      if (from) needed.push({ digest: from.digest, sizeBytes: from.size, what: familiarName(name) })
    }
  }
  return needed
}

/** A layer that several images share is read once. */
function intactOnce(): (origin: NonNullable<LayerForm['origin']>) => Promise<boolean> {
  const known = new Map<Digest, Promise<boolean>>()
  return (origin: LayerOrigin) => {
    const found = known.get(origin.heldDiffId) ?? isIntact(origin)
    known.set(origin.heldDiffId, found)
    return found
  }
}

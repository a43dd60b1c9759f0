import { bytesText } from '../../bundles/format/bytes-text.ts'
import { blobsText } from '../../bundles/format/delta.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import type { DockerFacts } from '../contract/facts.ts'
import type { NodeBundle } from '../contract/step.ts'
import type { WorkOrder } from '../contract/work-order.ts'
import { familiarName } from '../runtimes/docker.ts'
import type { HeldLayers } from '../runtimes/held-layers.ts'
import { carriedImages } from '../store/image-content.ts'
import { layerForms, patchesOf } from '../store/layer-forms.ts'
import { isIntact } from '../store/made-layers.ts'
import type { Store } from '../store/store.ts'

/** What an install would take from the desk. */
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
  store: Pick<Store, 'sizeOf'>
  docker: DockerFacts | null
  layers: HeldLayers
  /** Docker takes zstd; else such layers are handed out unpacked. */
  readsZstd: boolean
}

interface Lacked {
  digest: Digest
  sizeBytes: number
  what: string
}

const LISTED = 10

/**
 * Before a delta is installed whose base is not at hand: that the node has what the delta leaves out and it needs.
 * @throws MojaboxError `base-needed`, `older-needed`, kind bundle, naming what is missing and where it is
 */
export async function refuseLacking(
  leftOut: NonNullable<WorkOrder['leftOut']>,
  bundle: NodeBundle,
  wanted: Wanted,
  had: Had,
): Promise<void> {
  const absent = new Set<Digest>(leftOut.blobs)
  const needed = [...storedBlobs(wanted), ...(await layersOfImages(bundle, absent, wanted, had))]
  const candidates = needed.filter(
    ({ digest }, at) => absent.has(digest) && needed.findIndex((blob) => blob.digest === digest) === at,
  )
  const sizes = await Promise.all(candidates.map(({ digest }) => had.store.sizeOf(digest)))
  const lacked = candidates.filter(({ sizeBytes }, at) => sizes[at] !== sizeBytes)
  if (lacked.length === 0) return
  const patched = new Set((await patchesOf(bundle)).map(({ layer }) => layer))
  const unmade = lacked.filter(({ digest }) => patched.has(digest))
  throw unmade.length > 0 ? olderNeeded(unmade) : baseNeeded(leftOut.base, lacked)
}

function storedBlobs({ stored }: Wanted): Lacked[] {
  return stored.map(({ digest, sizeBytes }) => ({ digest, sizeBytes, what: 'the packages' }))
}

/** The layers that Docker will ask for, and that cannot be made of what it has. */
async function layersOfImages(
  bundle: NodeBundle,
  absent: ReadonlySet<Digest>,
  { images, architecture }: Wanted,
  { docker, layers: held, readsZstd }: Had,
): Promise<Lacked[]> {
  const carried = await carriedImages({ bundle }, images, architecture)
  // An image that is wholly there is not pulled, or nothing of it but its manifest.
  const pulled = carried.filter(({ ids }) => !ids.some((id) => held.imageIds.has(id)))
  const forms = await layerForms(bundle, pulled, { docker, held, readsZstd, wantsWhole: (layer) => !absent.has(layer) })
  const lacked: Lacked[] = []
  const intact = new Map<string, Promise<boolean>>()
  for (const [name, layers] of forms) {
    for (const { sent, asked, origin } of layers) {
      if (!asked || !absent.has(sent.digest)) continue
      if (origin && !intact.has(origin.heldDiffId)) intact.set(origin.heldDiffId, isIntact(origin))
      if (origin && (await intact.get(origin.heldDiffId))) continue
      lacked.push({ digest: sent.digest, sizeBytes: sent.size, what: familiarName(name) })
    }
  }
  return lacked
}

/** The base has not these layers but older ones, and they are not in Docker as it was given them. */
function olderNeeded(lacked: Lacked[]): MojaboxError {
  return new MojaboxError({
    code: 'older-needed',
    kind: 'bundle',
    message: `the bundle has patches in the stead of layers, and this host lacks what ${blobsText(lacked)} would be made of`,
    found: listText(lacked),
    needed:
      'the older images in Docker’s own store (overlay2), as they were pulled; in containerd’s no layer is made of another',
    next: 'run the same command with the whole bundle, or with a delta that has the layers too (built without `--patches instead`)',
  })
}

function listText(lacked: Lacked[]): string {
  const listed = lacked
    .slice(0, LISTED)
    .map(({ digest, sizeBytes, what }) => `${digest.slice(0, 19)}, ${bytesText(sizeBytes)} of ${what}`)
  const rest = lacked.length - listed.length
  return `missing: ${listed.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`
}

function baseNeeded(base: Digest, lacked: Lacked[]): MojaboxError {
  return new MojaboxError({
    code: 'base-needed',
    kind: 'bundle',
    message: `the bundle is a delta, and this host lacks ${blobsText(lacked)} of what it leaves out`,
    found: listText(lacked),
    needed: `the delta's base: bundle ${base}`,
    next: 'run the same command with --base FILE (that bundle), or with the whole bundle: --bundle FILE',
  })
}

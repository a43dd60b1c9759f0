import { bytesText } from '../../bundles/format/bytes-text.ts'
import { blobsText } from '../../bundles/format/delta.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import type { NodeBundle } from '../contract/step.ts'
import type { WorkOrder } from '../contract/work-order.ts'
import { patchesOf } from '../store/layer-forms.ts'
import type { Store } from '../store/store.ts'
import { lackedBlobs, type NeededBlob } from './needed-blobs.ts'

const LISTED = 10

/**
 * Before a delta is installed whose base is not at hand: that the node has what the delta leaves out and it needs.
 * @throws MojaboxError `base-needed`, `older-needed`, kind bundle, naming what is missing and where it is
 */
export async function refuseLacking(
  leftOut: NonNullable<WorkOrder['leftOut']>,
  bundle: NodeBundle,
  needed: NeededBlob[],
  store: Pick<Store, 'sizeOf'>,
): Promise<void> {
  const absent = new Set<Digest>(leftOut.blobs)
  const lacked = await lackedBlobs(
    needed.filter(({ digest }) => absent.has(digest)),
    store,
  )
  if (lacked.length === 0) return
  const patched = new Set((await patchesOf(bundle)).map(({ layer }) => layer))
  const unmade = lacked.filter(({ digest }) => patched.has(digest))
  throw unmade.length > 0 ? olderNeeded(unmade) : baseNeeded(leftOut.base, lacked)
}

/** The base has not these layers but older ones, and they are not in Docker as it was given them. */
function olderNeeded(lacked: NeededBlob[]): MojaboxError {
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

function listText(lacked: NeededBlob[]): string {
  const listed = lacked
    .slice(0, LISTED)
    .map(({ digest, sizeBytes, what }) => `${digest.slice(0, 19)}, ${bytesText(sizeBytes)} of ${what}`)
  const rest = lacked.length - listed.length
  return `missing: ${listed.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`
}

function baseNeeded(base: Digest, lacked: NeededBlob[]): MojaboxError {
  return new MojaboxError({
    code: 'base-needed',
    kind: 'bundle',
    message: `the bundle is a delta, and this host lacks ${blobsText(lacked)} of what it leaves out`,
    found: listText(lacked),
    needed: `the delta's base: bundle ${base}`,
    next: 'run the same command with --base FILE (that bundle), or with the whole bundle: --bundle FILE',
  })
}

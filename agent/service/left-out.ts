import { bytesText } from '../../bundles/format/bytes-text.ts'
import { blobsText } from '../../bundles/format/delta.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import type { WorkOrder } from '../contract/work-order.ts'
import type { Store } from '../store/store.ts'
import { lackedBlobs, type NeededBlob } from './needed-blobs.ts'

const LISTED = 10

/**
 * Before a delta is installed whose base is not at hand: that the node has what the delta leaves out and it needs.
 * @throws MojaboxError `base-needed`, kind bundle, naming the base and what is missing
 */
export async function refuseLacking(
  leftOut: NonNullable<WorkOrder['leftOut']>,
  needed: NeededBlob[],
  store: Pick<Store, 'sizeOf'>,
): Promise<void> {
  const absent = new Set<Digest>(leftOut.blobs)
  const lacked = await lackedBlobs(
    needed.filter(({ digest }) => absent.has(digest)),
    store,
  )
  if (lacked.length > 0) throw baseNeeded(leftOut.base, lacked)
}

function baseNeeded(base: Digest, lacked: NeededBlob[]): MojaboxError {
  const listed = lacked
    .slice(0, LISTED)
    .map(({ digest, sizeBytes, what }) => `${digest.slice(0, 19)}, ${bytesText(sizeBytes)} of ${what}`)
  const rest = lacked.length - listed.length
  return new MojaboxError({
    code: 'base-needed',
    kind: 'bundle',
    message: `the bundle is a delta, and this host lacks ${blobsText(lacked)} of what it leaves out`,
    found: `missing: ${listed.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`,
    needed: `the delta's base: bundle ${base}`,
    next: 'run the same command with --base FILE (that bundle), or with the whole bundle: --bundle FILE',
  })
}

import type { WorkOrder } from '../../agent/contract/work-order.ts'
import { leftOutBlobs } from '../../bundles/format/delta.ts'
import type { OpenBundle } from '../../bundles/format/open.ts'

/** What a bundle lists and this desk cannot hand out; undefined when it has all, as of a delta with its base. */
export async function leftOutAtDesk(bundle: OpenBundle): Promise<WorkOrder['leftOut']> {
  const { base } = bundle.manifest
  if (base === undefined) return undefined
  const blobs = (await leftOutBlobs(bundle)).map(({ digest }) => digest)
  const sizes = await Promise.all(blobs.map((digest) => bundle.sizeOf(digest)))
  const absent = blobs.filter((_, at) => sizes[at] === undefined)
  return absent.length === 0 ? undefined : { base, blobs: absent }
}

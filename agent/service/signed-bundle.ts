import { createPublicKey } from 'node:crypto'
import { requireSignature } from '../../bundles/format/signature.ts'
import type { WorkOrder } from '../contract/work-order.ts'

/**
 * The node's own look at who signed the bundle that it is about to use, whatever the desk has seen.
 * @returns IDs of the trusted keys that did; none where none were named
 * @throws MojaboxError kind bundle, as `requireSignature` does
 */
export function signersOfBundle({ signature, bundle }: Pick<WorkOrder, 'signature' | 'bundle'>): string[] {
  if (!signature || !bundle) return []
  return requireSignature(
    signature.envelope,
    { digest: bundle },
    signature.keys.map((pem) => createPublicKey(pem)),
  )
}

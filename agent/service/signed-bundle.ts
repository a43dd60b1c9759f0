import { createPublicKey } from 'node:crypto'
import { requireSignature } from '../../bundles/format/signature.ts'
import type { WorkOrder } from '../contract/work-order.ts'

/**
 * The node's own look at who signed the bundle that it is about to use, whatever the desk has seen.
 * @returns IDs of the trusted keys that did; none where the site goes on without
 * @throws MojaboxError kind bundle, as `requireSignature` does
 */
export function signersOfBundle({
  signature,
  unsignedAllowed,
  bundle,
}: Pick<WorkOrder, 'signature' | 'unsignedAllowed' | 'bundle'>): string[] {
  if (unsignedAllowed || !bundle) return []
  const keys = signature?.keys.map((pem) => createPublicKey(pem)) ?? []
  return requireSignature(signature?.envelope, { digest: bundle }, keys)
}

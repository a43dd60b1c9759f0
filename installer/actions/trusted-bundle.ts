import type { WorkOrder } from '../../agent/contract/work-order.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { BundleManifest } from '../../bundles/format/manifest.ts'
import { readEnvelope, readTrustedKey, requireSignature } from '../../bundles/format/signature.ts'
import type { Site } from '../site/site.ts'

/** What a work order says of who signed the bundle. */
export type BundleTrust = Pick<WorkOrder, 'signature' | 'unsignedAllowed'>

/**
 * Before any host is reached: one of the keys that the site trusts must have signed the bundle.
 * @returns what the node is given to see for itself; no signature where the site goes on without
 * @throws MojaboxError kind bundle, as `requireSignature` does; `key-invalid`
 */
export async function trustIn(
  bundlePath: string,
  manifest: Pick<BundleManifest, 'digest'>,
  { trust, allowUnsigned }: Pick<Site, 'trust' | 'allowUnsigned'>,
): Promise<BundleTrust> {
  const keys = await Promise.all(trust.map(readTrustedKey))
  try {
    const envelope = await readEnvelope(bundlePath)
    requireSignature(envelope, manifest, keys)
    const pems = keys.map((key) => key.export({ type: 'spki', format: 'pem' }).toString())
    return { ...(envelope && { signature: { envelope, keys: pems } }), unsignedAllowed: false }
  } catch (error) {
    if (allowUnsigned && error instanceof MojaboxError) return { unsignedAllowed: true }
    throw error
  }
}

import type { WorkOrder } from '../../agent/contract/work-order.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { BundleManifest } from '../../bundles/format/manifest.ts'
import { readEnvelope, readTrustedKey, requireSignature } from '../../bundles/format/signature.ts'

/** What a work order says of who signed the bundle. */
export type BundleTrust = Pick<WorkOrder, 'signature' | 'unsignedAllowed'>

/**
 * Before any host is reached: where the site names keys, one of them must have signed the bundle.
 * @param keyPaths public keys, PEM
 * @returns what the node is given to see for itself; no signature where no key is named, or the person goes on without
 * @throws MojaboxError kind bundle, as `requireSignature` does; `key-invalid`
 */
export async function trustIn(
  bundlePath: string,
  manifest: BundleManifest,
  keyPaths: readonly string[],
  { allowUnsigned }: { allowUnsigned: boolean },
): Promise<BundleTrust> {
  if (keyPaths.length === 0) return { unsignedAllowed: false }
  const keys = await Promise.all(keyPaths.map(readTrustedKey))
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

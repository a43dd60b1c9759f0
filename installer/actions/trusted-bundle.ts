import type { WorkOrder } from '../../agent/contract/work-order.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { BundleManifest } from '../../bundles/format/manifest.ts'
import { readEnvelope, readTrustedKey, requireSignature } from '../../bundles/format/signature.ts'

/**
 * Before any host is reached: where the site names keys, one of them must have signed the bundle.
 * @param keyPaths public keys, PEM
 * @returns what the node is given to see for itself; undefined where no key is named, or the person goes on without
 * @throws MojaboxError kind bundle, as `requireSignature` does; `key-invalid`
 */
export async function signatureFor(
  bundlePath: string,
  manifest: BundleManifest,
  keyPaths: readonly string[],
  { allowUnsigned }: { allowUnsigned: boolean },
): Promise<WorkOrder['signature']> {
  if (keyPaths.length === 0) return undefined
  const keys = await Promise.all(keyPaths.map(readTrustedKey))
  try {
    const envelope = await readEnvelope(bundlePath)
    requireSignature(envelope, manifest, keys)
    return envelope && { envelope, keys: keys.map((key) => key.export({ type: 'spki', format: 'pem' }).toString()) }
  } catch (error) {
    if (allowUnsigned && error instanceof MojaboxError) return undefined
    throw error
  }
}

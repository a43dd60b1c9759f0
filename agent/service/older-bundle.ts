import { MojaboxError } from '../../bundles/format/error.ts'
import type { BundleManifest } from '../../bundles/format/manifest.ts'
import type { NodeState } from '../contract/node-state.ts'
import { isAtLeast } from '../preflight/version-order.ts'

/**
 * Databases that a later version has migrated are not for an earlier one: going back takes a person's word.
 * @param installed undefined where nothing is
 * @throws MojaboxError `bundle-older`
 */
export function refuseOlder(
  installed: Pick<NodeState, 'bundleVersion'> | undefined,
  { deployment, version }: Pick<BundleManifest, 'deployment' | 'version'>,
  { downgradeAllowed }: { downgradeAllowed: boolean },
): void {
  if (downgradeAllowed || !installed || isAtLeast(version, installed.bundleVersion)) return
  throw new MojaboxError({
    code: 'bundle-older',
    kind: 'bundle',
    message: `the bundle is older than what is installed`,
    found: `${deployment} ${version}`,
    needed: `${installed.bundleVersion} or later`,
    next: 'name a later bundle, or go back all the same: --allow-downgrade',
  })
}

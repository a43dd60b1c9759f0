import type { Command } from 'commander'
import type { VerifyFlags } from '../actions/read-bundle.ts'
import { addBundleBuildCommand } from './bundle-build.ts'
import { addBundleDiffCommand } from './bundle-diff.ts'
import { collectNames } from './bundle-options.ts'
import { addBundleSbomCommand } from './bundle-sbom.ts'
import { addBundleSignCommands } from './bundle-sign.ts'
import { addBundleSplitCommand } from './bundle-split.ts'
import type { Io } from './io.ts'

/** `mojabox bundle build|inspect|verify|diff|sbom|split|keygen|sign`. */
export function addBundleCommand(program: Command, io: Io): void {
  const bundle = program
    .command('bundle')
    .description('Build, inspect, verify, compare, split and sign bundles: one file with everything a hub needs.')
  addBundleBuildCommand(bundle, io)
  bundle
    .command('inspect')
    .description('Show what a bundle carries: artifacts, sizes, digests, shared layers.')
    .argument('<file>', 'the bundle')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES.inspect)
    .action(async (path: string, options: { json?: true }) => {
      const { showBundle } = await import('../actions/read-bundle.ts')
      await showBundle(path, options, io)
    })
  bundle
    .command('verify')
    .description('Read every byte of a bundle and check it against its digests.')
    .argument('<file>', 'the bundle')
    .option('--base <file>', 'of a delta: check that the two are whole together')
    .option(
      '--key <FILE>',
      'public key that is trusted, again for more: one of them must have signed it',
      collectNames,
      [],
    )
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES.verify)
    .action(async (path: string, options: VerifyFlags) => {
      const { verifyFile } = await import('../actions/read-bundle.ts')
      await verifyFile(path, options, io)
    })
  addBundleDiffCommand(bundle, io)
  addBundleSbomCommand(bundle, io)
  addBundleSplitCommand(bundle, io)
  addBundleSignCommands(bundle, io)
}

const EXAMPLES = {
  inspect: `
Examples:
  mojabox bundle inspect hub.tar
  mojabox bundle inspect hub.tar --json | jq '.artifacts[].name'
  skopeo inspect oci-archive:hub.tar:docker.io/library/redis:8.0`,
  verify: `
Examples:
  mojabox bundle verify /media/usb/hub.tar
  mojabox bundle verify /media/usb/hub.tar.001
  mojabox bundle verify delta.tar --base old.tar
  mojabox bundle verify hub.tar --key release.key.pub

Exit code 0 when every byte is as it was built (and, with --key, signed by one of these), 5 when not.`,
}

import type { Command } from 'commander'
import type { SbomFlags } from '../actions/show-sbom.ts'
import type { Io } from './io.ts'

const EXAMPLES = `
With --json it is the CycloneDX 1.6 document itself, of the bundle or of one
image (one document a line for each platform).

Examples:
  mojabox bundle sbom hub.tar
  mojabox bundle sbom hub.tar --image docker.io/library/redis:8.0
  mojabox bundle sbom hub.tar --json > hub.cdx.json`

export function addBundleSbomCommand(bundle: Command, io: Io): void {
  bundle
    .command('sbom')
    .description('Show what is in a bundle: images, and the packages within each.')
    .argument('<file>', 'the bundle')
    .option('--image <name>', 'the packages of this image, by its full name')
    .option('--json', 'print the CycloneDX document')
    .addHelpText('after', EXAMPLES)
    .action(async (path: string, flags: SbomFlags) => {
      const { showSbom } = await import('../actions/show-sbom.ts')
      await showSbom(path, flags, io)
    })
}

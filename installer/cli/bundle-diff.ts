import type { Command } from 'commander'
import type { Io } from './io.ts'

const EXAMPLES = `
Examples:
  mojabox bundle diff old.tar new.tar
  mojabox bundle diff old.tar new.tar --json | jq .addedBytes`

export function addBundleDiffCommand(bundle: Command, io: Io): void {
  bundle
    .command('diff')
    .description('Show what two bundles have that the other lacks: artifacts and blobs, with sizes.')
    .argument('<a>', 'a bundle')
    .argument('<b>', 'another, such as the next version')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (a: string, b: string, options: { json?: true }) => {
      const { showDiff } = await import('../actions/read-bundle.ts')
      await showDiff(a, b, options, io)
    })
}

import type { Command } from 'commander'
import type { Io } from './io.ts'

/** `mojabox bundle keygen|sign`. */
export function addBundleSignCommands(bundle: Command, io: Io): void {
  bundle
    .command('keygen')
    .description('Make a key to sign bundles with: FILE, and FILE.pub for those who trust it.')
    .argument('<file>', 'the private key (Ed25519, PEM)')
    .addHelpText('after', '\nExamples:\n  mojabox bundle keygen ~/.config/mojabox/release.key')
    .action(async (path: string) => {
      const { makeKey } = await import('../actions/sign-bundle.ts')
      await makeKey(path, io)
    })
  bundle
    .command('sign')
    .description('Sign a bundle: the signature lies beside it, in FILE.sig (DSSE).')
    .argument('<file>', 'the bundle; every byte of it is checked first')
    .requiredOption('--key <FILE>', 'the private key')
    .addHelpText('after', '\nExamples:\n  mojabox bundle sign hub.tar --key ~/.config/mojabox/release.key')
    .action(async (path: string, { key }: { key: string }) => {
      const { signFile } = await import('../actions/sign-bundle.ts')
      await signFile(path, key, io)
    })
}

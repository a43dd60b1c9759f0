import { type Command, Option } from 'commander'
import type { BuildFlags } from '../actions/build-bundle.ts'
import { collectNames, collectPairs, positiveInteger } from './bundle-options.ts'
import type { Io } from './io.ts'

const EXAMPLES = `
A lock with every digest is written beside the bundle (FILE.lock.json); building again from it gives the same bundle,
byte for byte. Downloads are kept in $MOJABOX_CACHE (~/.cache/mojabox) and go on where an earlier run stopped.
A delta (--base) carries only what its base lacks; its lock is that of the whole bundle. Of layers that have changed it has
patches too: a node makes such a layer of the older one in its Docker. --patches instead carries no layer that has a
patch: the smallest file, for hosts that have the older images; others refuse it before anything changes.

Examples:
  mojabox bundle build bundles/core-test-harness/bundle.yaml -o hub.tar
  mojabox bundle build bundles/core-test-harness/bundle.yaml -o hub.tar --profile central-ledger --platform linux/amd64
  mojabox bundle build SPEC -o hub.tar --mirror docker.io=127.0.0.1:5000 --apt-mirror debian=http://mirror.lan/debian
  mojabox bundle build SPEC -o hub.tar --profile testing-toolkit --test-files ~/src/testing-toolkit-test-cases
  mojabox bundle build SPEC -o hub.tar --key release.key
  mojabox bundle build SPEC -o same.tar --lock hub.tar.lock.json
  mojabox bundle build SPEC -o delta.tar --base old.tar
  mojabox bundle build SPEC -o delta.tar --base old.tar --patches instead`

export function addBundleBuildCommand(bundle: Command, io: Io): void {
  bundle
    .command('build')
    .description('Bring everything a spec names into one file.')
    .argument('<spec>', 'bundle.yaml of a deployment, or its folder')
    .requiredOption('-o, --output <file>', 'the bundle to write')
    .option('--lock <file>', 'build exactly what this lock says')
    .option('--base <file>', 'build a delta: leave out what this bundle has')
    .addOption(
      new Option('--patches <how>', 'of a delta: patches of layers that the base has an older version of')
        .choices(['beside', 'instead', 'none'])
        .default('beside', 'beside the layers'),
    )
    .option('--key <file>', 'sign it with this private key (`bundle keygen` makes one)')
    .option('--profile <names>', 'carry the images of these profiles only (default: all)', collectNames, [])
    .option(
      '--platform <platforms>',
      'carry these platforms, such as linux/amd64 (default: those of the spec)',
      collectNames,
      [],
    )
    .option(
      '--distribution <names>',
      'carry packages for these, such as debian-12 (default: all whose archive is known)',
      collectNames,
      [],
    )
    .option('--mirror <registry=host>', 'take images of a registry from HOST:PORT', collectPairs, {})
    .option('--plain-http <host>', 'HOST:PORT of a registry without TLS (loopback needs no mention)', collectNames, [])
    .option('--image <name=path>', 'take an image from an OCI layout or a `docker save` archive', collectPairs, {})
    .option(
      '--apt-mirror <archive=url>',
      'address of an apt archive (default: from the apt configuration)',
      collectPairs,
      {},
    )
    .option('--apt-keyring <archive=path>', 'keyring that signs an apt archive', collectPairs, {})
    .option(
      '--test-files <folder>',
      'carry the testing toolkit’s files: a folder with collections, environments, spec_files',
    )
    .option('--executable <platform=path>', 'the mojabox executable of a platform', collectPairs, {})
    .addOption(
      new Option(
        '--compression <how>',
        'compress layers anew: smaller, quicker to unpack (default: as they are)',
      ).choices(['zstd']),
    )
    .option('--no-executables', 'carry no mojabox executables')
    .option('--no-packages', 'carry no packages: for nodes that have Docker already')
    .option('--parallel <number>', 'downloads at a time', positiveInteger, 6)
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (spec: string, flags: BuildFlags) => {
      const { buildFromSpec } = await import('../actions/build-bundle.ts')
      await buildFromSpec(spec, flags, io)
    })
}

import { type Command, Option } from 'commander'
import { byteSize } from './bundle-options.ts'
import type { Io } from './io.ts'

export interface SplitFlags {
  size: number
  output?: string
  json?: true
}

/** FAT takes files below 4 GiB: this is the largest round size. */
const FAT_BYTES = 4e9

const EXAMPLES = `
The parts are hub.tar.001, hub.tar.002 and so on, in one folder. Wherever a
bundle is named, name the first part: they are read without being joined.
Run again after an interruption, it keeps the parts that are whole.

Examples:
  mojabox bundle split hub.tar --size 4G -o /media/usb
  mojabox bundle verify /media/usb/hub.tar.001
  mojabox install --host local --bundle /media/usb/hub.tar.001`

export function addBundleSplitCommand(bundle: Command, io: Io): void {
  bundle
    .command('split')
    .description('Split a bundle into parts for sticks and file systems that take no large files, such as FAT.')
    .argument('<file>', 'the bundle')
    .addOption(
      new Option('--size <size>', 'of each part, such as 700M')
        .argParser(byteSize)
        .default(FAT_BYTES, '4G, as FAT takes'),
    )
    .option('-o, --output <folder>', 'where the parts go (default: beside the bundle)')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (path: string, flags: SplitFlags) => {
      const { splitFile } = await import('../actions/split-bundle.ts')
      await splitFile(path, flags, io)
    })
}

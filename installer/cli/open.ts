import { type Command, InvalidArgumentError } from 'commander'
import type { OpenOptions } from '../actions/open-page.ts'
import type { Io } from './io.ts'
import { addSiteOptions } from './site-options.ts'

export function addOpenCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('open'))
    .argument('[name]', 'which host of the site, where there are several')
    .description('show the page of a host in a browser, through SSH. On a node without options: this node’s.')
    .option('--port <N>', 'port at this desk (default: 9470, or a free one)', port)
    .option('--no-browser', 'only print the address')
    .addHelpText(
      'after',
      '\nExamples:\n  mojabox open\n  mojabox open hub1 --no-browser\n  mojabox open --host ops@10.0.0.7\n',
    )
    .action(async (name: string | undefined, options: OpenOptions) => {
      const { openPage } = await import('../actions/open-page.ts')
      await openPage(name, options, io)
    })
}

function port(value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw new InvalidArgumentError('needed: a number from 1 to 65535')
  return number
}

import type { Command } from 'commander'
import type { DevOptions } from '../actions/develop-here.ts'
import type { Io } from './io.ts'
import { addHostChoice, addSiteOptions } from './site-options.ts'

export function addDevCommand(program: Command, io: Io): void {
  addHostChoice(addSiteOptions(program.command('dev')))
    .argument('<service>', 'whose place the checkout takes')
    .argument('<path>', 'the checkout: the folder with its package.json')
    .description('a local checkout in a service’s place, with hot reload, until Ctrl-C')
    .option('--debug [PORT]', 'source maps, and Node’s debugger on this port of the loopback (9229)')
    .addHelpText(
      'after',
      '\nFiles go into the running container as they are saved, and the service restarts; a change of package.json builds\nthe image again. Needs no network while the dependencies are those of the released image. Ctrl-C puts the released\nimage back. The hub must run on this machine.\n\nExamples:\n  mojabox dev central-ledger ~/src/central-ledger\n  mojabox dev central-ledger . --debug\n',
    )
    .action(async (service: string, path: string, options: DevOptions) => {
      const { developHere } = await import('../actions/develop-here.ts')
      await developHere(service, path, options, io)
    })
}

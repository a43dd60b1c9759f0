import type { Command } from 'commander'
import type { VerbOptions } from '../actions/run-verb.ts'
import type { Io } from './io.ts'
import { runVerbLazily } from './lazily.ts'
import { addSiteOptions } from './site-options.ts'

export function addUninstallCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('uninstall'))
    .description('take away what mojabox installed and nothing else; data stays')
    .option('--delete-data', 'take the hub’s data and secrets away too: this cannot be undone')
    .addHelpText('after', '\nExamples:\n  mojabox uninstall\n  mojabox uninstall --delete-data\n')
    .action((options: VerbOptions) => runVerbLazily('uninstall', options, io))
}

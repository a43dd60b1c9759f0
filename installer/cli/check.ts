import type { Command } from 'commander'
import type { VerbOptions } from '../actions/run-verb.ts'
import type { Io } from './io.ts'
import { runVerbLazily } from './lazily.ts'
import { addSiteOptions, again } from './site-options.ts'

export function addCheckCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('check'))
    .description('look at the hosts: is everything there that an install needs? Changes nothing.')
    .option('--skip-check <ID>', 'leave a check out; the report says so', again)
    .addHelpText(
      'after',
      '\nExamples:\n  mojabox check\n  mojabox check --host ops@10.0.0.7 --bundle hub.tar --trust release.key.pub\n',
    )
    .action((options: VerbOptions) => runVerbLazily('check', options, io))
}

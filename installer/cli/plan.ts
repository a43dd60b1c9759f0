import type { Command } from 'commander'
import type { VerbOptions } from '../actions/run-verb.ts'
import type { Io } from './io.ts'
import { runVerbLazily } from './lazily.ts'
import { addSiteOptions, again } from './site-options.ts'

export function addPlanCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('plan'))
    .description('say what an install would do, step by step. Changes nothing.')
    .option('--show-config', 'also print the final Compose file, and where each value of each service comes from')
    .option('--skip-check <ID>', 'leave a check out', again)
    .addHelpText(
      'after',
      '\nExamples:\n  mojabox plan\n  mojabox plan -f site/mojabox.yaml --json\n  mojabox plan --show-config\n',
    )
    .action((options: VerbOptions) => runVerbLazily('plan', options, io))
}

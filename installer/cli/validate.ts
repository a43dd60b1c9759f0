import type { Command } from 'commander'
import type { VerbOptions } from '../actions/run-verb.ts'
import type { Io } from './io.ts'
import { runVerbLazily } from './lazily.ts'
import { addSiteOptions, again } from './site-options.ts'

export function addValidateCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('validate'))
    .description('prove that the hub works: every service, and money that really moves')
    .option('--level <LEVEL>', 'only this level (services, ledger, transfer); again for more', again)
    .option('--report <PATH>', 'write the report: FILE.xml (JUnit), FILE.json, or a folder for both')
    .addHelpText('after', '\nExamples:\n  mojabox validate\n  mojabox validate --level services --report junit.xml\n')
    .action((options: VerbOptions) => runVerbLazily('validate', options, io))
}

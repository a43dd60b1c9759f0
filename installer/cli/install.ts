import type { Command } from 'commander'
import type { VerbOptions } from '../actions/run-verb.ts'
import { byteSize } from './bundle-options.ts'
import type { Io } from './io.ts'
import { runVerbLazily } from './lazily.ts'
import { addSiteOptions, again } from './site-options.ts'

export function addInstallCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('install'))
    .description('install, or finish an install that was interrupted, and prove the hub by moving money')
    .option('--skip-check <ID>', 'go on although this check would fail; the report says so', again)
    .option('--level <LEVEL>', 'validate only this level (services, ledger, transfer); again for more', again)
    .option(
      '--limit-rate <RATE>',
      'send no more than this a second, to all hosts together, such as 500k or 2M',
      byteSize,
    )
    .option('--no-seeding', 'send everything from here, where hosts may not pass on to each other what they have')
    .option('--allow-downgrade', 'install an older bundle than the one that is installed')
    .option('--wait', 'return once the hub is proven: it always does; for scripts that say so')
    .option('--report <PATH>', 'write the report: FILE.xml (JUnit), FILE.json, or a folder for both')
    .addHelpText(
      'after',
      '\nExamples:\n  mojabox install\n  mojabox install --host ops@10.0.0.7 --identity ~/.ssh/site --bundle hub.tar --trust release.key.pub\n  mojabox install --limit-rate 2M\n  mojabox install --no-seeding\n  mojabox install --host local --bundle hub.tar --trust release.key.pub --wait --quiet --report junit.xml\n  mojabox install --bundle delta.tar --base hub.tar\n',
    )
    .action((options: VerbOptions) => runVerbLazily('install', options, io))
}

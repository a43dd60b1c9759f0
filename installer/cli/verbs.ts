import type { Command } from 'commander'
import type { Io } from './io.ts'
import type { VerbOptions } from './site-command.ts'
import { addSiteOptions } from './site-options.ts'

const again = (value: string, earlier: string[] = []) => [...earlier, value]

async function run(
  verb: 'check' | 'plan' | 'install' | 'validate' | 'uninstall',
  options: VerbOptions,
  io: Io,
): Promise<void> {
  const { runVerb } = await import('./site-command.ts')
  await runVerb(verb, options, io)
}

export function addCheckCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('check'))
    .description('look at the hosts: is everything there that an install needs? Changes nothing.')
    .option('--skip-check <ID>', 'leave a check out; the report says so', again)
    .addHelpText(
      'after',
      '\nExamples:\n  mojabox check\n  mojabox check --host ops@10.0.0.7 --bundle mojabox-bundle.tar\n',
    )
    .action((options: VerbOptions) => run('check', options, io))
}

export function addPlanCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('plan'))
    .description('say what an install would do, step by step. Changes nothing.')
    .option('--skip-check <ID>', 'leave a check out', again)
    .addHelpText('after', '\nExamples:\n  mojabox plan\n  mojabox plan -f site/mojabox.yaml --json\n')
    .action((options: VerbOptions) => run('plan', options, io))
}

export function addInstallCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('install'))
    .description('install, or finish an install that was interrupted, and prove the hub by moving money')
    .option('--skip-check <ID>', 'go on although this check would fail; the report says so', again)
    .option('--level <LEVEL>', 'validate only this level (services, ledger); again for more', again)
    .option('--report <PATH>', 'write the report: FILE.xml (JUnit), FILE.json, or a folder for both')
    .addHelpText(
      'after',
      '\nExamples:\n  mojabox install\n  mojabox install --host ops@10.0.0.7 --identity ~/.ssh/site --bundle mojabox-bundle.tar\n  mojabox install --host local --bundle mojabox-bundle.tar --report junit.xml\n',
    )
    .action((options: VerbOptions) => run('install', options, io))
}

export function addValidateCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('validate'))
    .description('prove that the hub works: every service, and money that really moves')
    .option('--level <LEVEL>', 'only this level (services, ledger); again for more', again)
    .option('--report <PATH>', 'write the report: FILE.xml (JUnit), FILE.json, or a folder for both')
    .addHelpText('after', '\nExamples:\n  mojabox validate\n  mojabox validate --level services --report junit.xml\n')
    .action((options: VerbOptions) => run('validate', options, io))
}

export function addUninstallCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('uninstall'))
    .description('take away what mojabox installed and nothing else; data stays')
    .option('--delete-data', 'take the hub’s data and secrets away too: this cannot be undone')
    .addHelpText('after', '\nExamples:\n  mojabox uninstall\n  mojabox uninstall --delete-data\n')
    .action((options: VerbOptions) => run('uninstall', options, io))
}

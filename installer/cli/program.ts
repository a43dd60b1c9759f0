import { Command, CommanderError } from 'commander'
import { EXIT_CODES, factsOf } from '../../bundles/format/error.ts'
import { VERSION } from '../../bundles/format/version.ts'
import { renderError } from '../render/error.ts'
import { addBundleCommand } from './bundle.ts'
import { addCheckCommand } from './check.ts'
import { CommandEnded } from './command-ended.ts'
import { addCompletionCommand } from './completion.ts'
import { addDevCommand } from './dev.ts'
import { addEnvCommand } from './env.ts'
import { addExecCommand } from './exec.ts'
import { addInstallCommand } from './install.ts'
import type { Io } from './io.ts'
import { addLogsCommand } from './logs.ts'
import { addAgentCommand, addNodeCommand } from './node.ts'
import { addOpenCommand } from './open.ts'
import { addPlanCommand } from './plan.ts'
import { addResetDataCommand } from './reset-data.ts'
import { addStatusCommand } from './status.ts'
import { addTestCommand } from './test.ts'
import { addUninstallCommand } from './uninstall.ts'
import { addValidateCommand } from './validate.ts'

/** Every command, by the name that is typed. */
const COMMANDS: Record<string, (program: Command, io: Io) => void> = {
  check: addCheckCommand,
  plan: addPlanCommand,
  install: addInstallCommand,
  status: addStatusCommand,
  open: addOpenCommand,
  validate: addValidateCommand,
  logs: addLogsCommand,
  exec: addExecCommand,
  env: addEnvCommand,
  dev: addDevCommand,
  test: addTestCommand,
  'reset-data': addResetDataCommand,
  uninstall: addUninstallCommand,
  bundle: addBundleCommand,
  completion: addCompletionCommand,
  version: addVersionCommand,
  node: addNodeCommand,
  agent: addAgentCommand,
}

/** Runs the command line and gives its exit code; never exits the process itself. */
export async function run(argv: string[], io: Io): Promise<number> {
  const program = new Command('mojabox')
    .description('Install, prove and keep a Mojaloop hub on bare Linux hosts, without internet.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout(text), writeErr: (text) => io.stderr(text) })
  for (const add of commandsFor(argv[0] ?? '')) add(program, io)
  try {
    if (argv.length === 0 && io.canAsk) {
      const { runWizard } = await import('../wizard/run-wizard.ts')
      await runWizard(io, Object.keys(COMMANDS))
      return 0
    }
    await program.parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommandEnded) return error.code
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CODES.usage
    const facts = factsOf(error)
    io.stderr(renderError(facts))
    return EXIT_CODES[facts.kind]
  }
}

/** Only the one that was typed, which starts quicker; all where help, completion or a typing error needs them. */
function commandsFor(typed: string): ((program: Command, io: Io) => void)[] {
  const only = typed === 'completion' ? undefined : Object.entries(COMMANDS).find(([name]) => name === typed)
  return only ? [only[1]] : Object.values(COMMANDS)
}

function addVersionCommand(program: Command, io: Io): void {
  program
    .command('version')
    .description('print the version')
    .action(() => io.stdout(`${VERSION}\n`))
}

import { Command, CommanderError } from 'commander'
import { EXIT_CODES, factsOf } from '../../bundles/format/error.ts'
import { VERSION } from '../../bundles/format/version.ts'
import { renderError } from '../render/error.ts'
import { addBundleCommand } from './bundle.ts'
import { addCheckCommand } from './check.ts'
import { addCompletionCommand } from './completion.ts'
import { addInstallCommand } from './install.ts'
import type { Io } from './io.ts'
import { addAgentCommand, addNodeCommand } from './node.ts'
import { addPlanCommand } from './plan.ts'
import { addStatusCommand } from './status.ts'
import { addUninstallCommand } from './uninstall.ts'
import { addValidateCommand } from './validate.ts'

/** Runs the command line and gives its exit code; never exits the process itself. */
export async function run(argv: string[], io: Io): Promise<number> {
  let code = 0
  const program = new Command('mojabox')
    .description('Install, prove and keep a Mojaloop hub on bare Linux hosts, without internet.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout(text), writeErr: (text) => io.stderr(text) })
  addCheckCommand(program, io)
  addPlanCommand(program, io)
  addInstallCommand(program, io)
  addStatusCommand(program, io)
  addValidateCommand(program, io)
  addUninstallCommand(program, io)
  addBundleCommand(program, io)
  addCompletionCommand(program, io)
  program
    .command('version')
    .description('print the version')
    .action(() => io.stdout(`${VERSION}\n`))
  addNodeCommand(program, io)
  addAgentCommand(program, io)
  try {
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CODES.usage
    const facts = factsOf(error)
    io.stderr(renderError(facts))
    code = EXIT_CODES[facts.kind]
  }
  return code
}

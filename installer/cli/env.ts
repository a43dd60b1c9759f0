import { type Command, Option } from 'commander'
import type { EnvOptions } from '../actions/show-environment.ts'
import type { Io } from './io.ts'
import { addHostChoice, addSiteOptions } from './site-options.ts'

export function addEnvCommand(program: Command, io: Io): void {
  addHostChoice(addSiteOptions(program.command('env')))
    .argument('[service]', 'the service that is to run here; without it, addresses and logins of the backing services')
    .description('the variables with which a service run at the desk works with the hub’s database, Kafka and cache')
    .addOption(new Option('--format <FORM>', 'how').choices(['shell', 'dotenv', 'json']).default('shell'))
    .option('--output <FILE>', 'write them there, readable by you alone, instead of printing them')
    .option('--forward', 'keep a relay through SSH to each port open, until Ctrl-C: for hosts elsewhere')
    .addHelpText(
      'after',
      '\nThe database’s password is among them. What a shell cannot hold (rc’s names with dots) goes to a file beside\nthe site, .mojabox/env/SERVICE.json, which a variable names.\n\nExamples:\n  eval "$(mojabox env central-ledger)" && node src/api/index.js\n  mojabox env --format json\n  mojabox env central-ledger --forward --format dotenv --output .env\n',
    )
    .action(async (service: string | undefined, options: EnvOptions) => {
      const { showEnvironment } = await import('../actions/show-environment.ts')
      await showEnvironment(service, options, io)
    })
}

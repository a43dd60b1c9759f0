import type { Command } from 'commander'
import type { OneHostOptions } from '../actions/one-host.ts'
import type { Io } from './io.ts'
import { addHostChoice, addSiteOptions } from './site-options.ts'

export function addExecCommand(program: Command, io: Io): void {
  addHostChoice(addSiteOptions(program.command('exec')))
    .argument('<service>', 'the service')
    .argument('<argv...>', 'the command and its words, after `--`')
    .description('run a command inside a service; its exit code is this command’s')
    .addHelpText(
      'after',
      '\nOn a terminal it is interactive; else stdin, stdout and stderr are handed through byte for byte.\n\nExamples:\n  mojabox exec central-ledger -- sh\n  mojabox exec kafka -- /opt/kafka/bin/kafka-topics.sh --bootstrap-server localhost:9092 --list\n',
    )
    .action(async (service: string, argv: string[], options: OneHostOptions) => {
      const { execOnHost } = await import('../actions/exec-on-host.ts')
      await execOnHost(service, argv, options, io)
    })
}

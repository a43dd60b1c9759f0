import type { Command } from 'commander'
import type { LogsOptions } from '../actions/show-logs.ts'
import type { Io } from './io.ts'
import { addSiteOptions } from './site-options.ts'

export function addLogsCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('logs'))
    .argument('[services...]', 'of these services; of all when none is named')
    .description('what the services wrote, secrets blotted out')
    .option('--follow', 'go on as more is written, until Ctrl-C')
    .option('--tail <N>', 'so many lines of each service, or `all`', '100')
    .option('--since <TIME>', 'not older than this: 90s, 10m, 2h, or a time such as 2026-01-31T08:00:00Z')
    .addHelpText(
      'after',
      '\nExamples:\n  mojabox logs\n  mojabox logs central-ledger --follow\n  mojabox logs kafka mysql --since 10m --json\n',
    )
    .action(async (services: string[], options: LogsOptions) => {
      const { showLogs } = await import('../actions/show-logs.ts')
      await showLogs(services, options, io)
    })
}

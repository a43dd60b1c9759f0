import type { Command } from 'commander'
import type { ResetOptions } from '../actions/reset-data.ts'
import type { Io } from './io.ts'
import { addSiteOptions } from './site-options.ts'

export function addResetDataCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('reset-data'))
    .description('the hub as freshly installed: its data deleted, then made and provisioned anew, and validated')
    .option('--yes', 'do not ask: the data cannot be had back')
    .option('--report <PATH>', 'write the report: FILE.xml (JUnit), FILE.json, or a folder for both')
    .addHelpText('after', '\nExamples:\n  mojabox reset-data\n  mojabox reset-data --yes --json\n')
    .action(async (options: ResetOptions) => {
      const { resetData } = await import('../actions/reset-data.ts')
      await resetData(options, io)
    })
}

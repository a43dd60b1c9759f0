import { access } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Io } from './io.ts'
import { runVerbLazily } from './lazily.ts'
import { addSiteOptions, DEFAULT_SITE_FILE, type SiteOptions } from './site-options.ts'

export function addStatusCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('status'))
    .description('how the hub is: services, last validation, agent. On a node without options: this node.')
    .addHelpText('after', '\nExamples:\n  mojabox status\n  mojabox status --host ops@10.0.0.7 --json\n')
    .action(async (options: SiteOptions) => {
      const hereOnly = !options.file && !options.host && !(await exists(DEFAULT_SITE_FILE))
      if (hereOnly && (await statusHere(options, io))) return
      await runVerbLazily('status', options, io)
    })
}

/** This machine's own status; false when nothing is installed here. */
async function statusHere(options: SiteOptions, io: Io): Promise<boolean> {
  const [
    { askAgent, observeStatus, readNodeState },
    { createRunCommand },
    { renderStatus },
    { failUnlessWell },
    { lookOf },
  ] = await Promise.all([
    import('../../agent/service/status.ts'),
    import('../../agent/runtimes/command.ts'),
    import('../render/status.ts'),
    import('../actions/hub-health.ts'),
    import('../render/look.ts'),
  ])
  const state = await readNodeState()
  if (!state) return false
  const status = (await askAgent()) ?? (await observeStatus(createRunCommand(io.signal), state))
  io.stdout(options.json ? `${JSON.stringify(status)}\n` : renderStatus(status, lookOf(io)))
  failUnlessWell(status)
  return true
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

import { access } from 'node:fs/promises'
import type { Command } from 'commander'
import type { NodeStatus } from '../../agent/contract/status.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Io } from './io.ts'
import { addSiteOptions, DEFAULT_SITE_FILE, type SiteOptions } from './site-options.ts'

export function addStatusCommand(program: Command, io: Io): void {
  addSiteOptions(program.command('status'))
    .description('how the hub is: services, last validation, agent. On a node without options: this node.')
    .addHelpText('after', '\nExamples:\n  mojabox status\n  mojabox status --host ops@10.0.0.7 --json\n')
    .action(async (options: SiteOptions) => {
      const hereOnly = !options.file && !options.host && !(await exists(DEFAULT_SITE_FILE))
      if (hereOnly && (await statusHere(options, io))) return
      const { runVerb } = await import('./site-command.ts')
      await runVerb('status', options, io)
    })
}

/** This machine's own status; false when nothing is installed here. */
async function statusHere(options: SiteOptions, io: Io): Promise<boolean> {
  const [{ askAgent, observeStatus, readNodeState }, { createRunCommand }, { renderStatus }] = await Promise.all([
    import('../../agent/service/status.ts'),
    import('../../agent/runtimes/command.ts'),
    import('../render/status.ts'),
  ])
  const state = await readNodeState()
  if (!state) return false
  const status = (await askAgent()) ?? (await observeStatus(createRunCommand(io.signal), state))
  const plain = { marks: { pass: '✓', warn: '!', fail: '✗', skip: '-' }, paint: (_: string, text: string) => text }
  io.stdout(options.json ? `${JSON.stringify(status)}\n` : renderStatus(status, plain))
  failUnlessWell(status)
  return true
}

/** @throws MojaboxError `hub-not-well` when the hub is not up or its last validation failed */
export function failUnlessWell(status: NodeStatus): void {
  if (status.hub === 'up' && status.validation?.passed !== false) return
  const bad = status.services.filter(
    (service) =>
      service.state !== 'completed' && (service.state !== 'running' || !['', 'healthy'].includes(service.health)),
  )
  throw new MojaboxError({
    code: 'hub-not-well',
    kind: 'validation',
    message: `the hub on ${status.host} is ${status.hub}`,
    found: [
      ...bad.map((service) => `${service.service} ${service.state} ${service.health}`.trim()),
      ...(status.validation?.failed ?? []),
    ].join('; '),
    needed: 'every service healthy and the last validation passed',
    next: 'mojabox validate',
  })
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

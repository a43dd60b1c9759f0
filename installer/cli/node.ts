import type { Command } from 'commander'
import type { Io } from './io.ts'
import { addNodeDevelopmentCommands } from './node-development.ts'

/** What the desk calls on a node; not for people. */
export function addNodeCommand(program: Command, io: Io): void {
  const node = program.command('node', { hidden: true }).description('what the desk calls on a node')

  node
    .command('attach <verb>')
    .description('carry out an order that comes over stdin, or relay it to the engine')
    .action(async (verb: string) => {
      const { carryOutHere, mustOutlive, relay, systemdRuns } = await import('../../agent/service/attach.ts')
      if (mustOutlive(verb) && (await systemdRuns())) {
        const { createRunCommand } = await import('../../agent/runtimes/command.ts')
        const { reenter } = await import('../../agent/service/reentry.ts')
        await relay(createRunCommand(), reenter, process.stdin, process.stdout)
      } else {
        const { runOrder } = await import('../../agent/service/run-order.ts')
        await carryOutHere(runOrder, process.stdin, process.stdout)
      }
    })

  node
    .command('engine')
    .description('the engine: one run, watched over its socket')
    .action(async () => {
      const { serveEngine } = await import('../../agent/service/engine-server.ts')
      const { runOrder } = await import('../../agent/service/run-order.ts')
      await serveEngine(runOrder, io.signal)
    })

  node
    .command('validate')
    .requiredOption('--run <ID>')
    .option('--level <LEVEL>', '', (value: string, earlier: string[] = []) => [...earlier, value])
    .description('validate what is installed here, save the report and print it')
    .action(async (options: { run: string; level?: string[] }) => {
      const { validateInstalled } = await import('../../agent/service/validate-installed.ts')
      const { failUnlessPassed } = await import('../../agent/service/verdict.ts')
      const report = await validateInstalled(options.run, options.level ?? [], io.signal)
      io.stdout(`${JSON.stringify(report)}\n`)
      failUnlessPassed(report)
    })

  node
    .command('page')
    .description('one connection to the page of this node, over stdin and stdout')
    .action(async () => {
      const { relayPage } = await import('../../agent/service/page-relay.ts')
      await relayPage(process.stdin, process.stdout)
    })

  node
    .command('hand-on')
    .description('hand on this executable to other hosts of the run')
    .action(async () => {
      const { handOn } = await import('../../agent/service/hand-on.ts')
      const { NODE_PATHS } = await import('../../agent/contract/paths.ts')
      await handOn(NODE_PATHS.executable, process.stdin, process.stdout)
    })

  node
    .command('status')
    .description('what can be seen of the hub here, as JSON')
    .action(async () => {
      const { observeStatus, requireNodeState } = await import('../../agent/service/status.ts')
      const { createRunCommand } = await import('../../agent/runtimes/command.ts')
      io.stdout(JSON.stringify(await observeStatus(createRunCommand(io.signal), await requireNodeState())))
    })

  addNodeDevelopmentCommands(node, io)
}

export function addAgentCommand(program: Command, io: Io): void {
  program
    .command('agent', { hidden: true })
    .description('the service on a node: keeps the store, validates, answers status')
    .action(async () => {
      const { staySmall } = await import('../../agent/service/stay-small.ts')
      staySmall()
      const { runAgent } = await import('../../agent/service/agent.ts')
      await runAgent(io.signal)
    })
}

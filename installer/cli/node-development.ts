import { once } from 'node:events'
import type { Command } from 'commander'
import type { NodeAnswer } from '../../agent/contract/node-answer.ts'
import type { RunCommand } from '../../agent/contract/step.ts'
import { EXIT_CODES, factsOf } from '../../bundles/format/error.ts'
import { CommandEnded } from './command-ended.ts'
import type { Io } from './io.ts'
import { again } from './site-options.ts'

interface LogsOptions {
  service?: string[]
  follow?: boolean
  tail: string
  since?: string
}

/** What `logs`, `exec` and `env` of the desk call on a node; not for people. */
export function addNodeDevelopmentCommands(node: Command, io: Io): void {
  node
    .command('logs')
    .option('--service <NAME>', '', again)
    .option('--follow')
    .requiredOption('--tail <N>')
    .option('--since <TIME>')
    .description('what services wrote, one JSON object a line')
    .action((options: LogsOptions) =>
      answering(io, async (run, tell, signal) => {
        const { readLogs } = await import('../../agent/development/logs.ts')
        const { service = [], follow = false, tail, since } = options
        await readLogs(run, { services: service, follow, tail, since }, tell, signal)
      }),
    )

  node
    .command('surroundings')
    .argument('[service]')
    .description('what the services work with, as JSON: holds secrets')
    .action((service: string | undefined) =>
      answering(io, async (run, tell) => {
        const { readSurroundings } = await import('../../agent/development/surroundings.ts')
        await tell(await readSurroundings(run, service))
      }),
    )

  node
    .command('dev')
    .argument('<service>')
    .argument('<path>')
    .option('--debug <PORT>')
    .description('run a checkout in a service’s place until stdin ends')
    .action((service: string, path: string, options: { debug?: string }) =>
      answering(io, async (run, tell, signal) => {
        const { develop } = await import('../../agent/development/develop.ts')
        const debugPort = options.debug === undefined ? undefined : Number(options.debug)
        await develop(run, { service, path, debugPort }, tell, signal)
      }),
    )

  node
    .command('toolkit')
    .description('run collections that come on stdin with the testing toolkit')
    .action(() => {
      const order = firstLine(io.streams.stdin)
      return answering(io, async (run, tell, signal) => {
        const { runToolkit } = await import('../../agent/development/toolkit.ts')
        const { ToolkitOrder } = await import('../../agent/contract/node-answer.ts')
        await runToolkit(run, ToolkitOrder.parse(JSON.parse(await order)), tell, signal)
      })
    })

  node
    .command('exec')
    .option('--tty')
    .argument('<service>')
    .argument('<command...>')
    .description('run a command in a service, with the streams of this one')
    .action(async (service: string, argv: string[], options: { tty?: boolean }) => {
      const { requireNodeState } = await import('../../agent/service/status.ts')
      const { execInService } = await import('../../agent/development/exec.ts')
      const { recoverPlaces } = await import('../../agent/development/place.ts')
      const { createRunCommand } = await import('../../agent/runtimes/command.ts')
      await requireNodeState()
      const run = createRunCommand()
      await recoverPlaces(run)
      throw new CommandEnded(await execInService(run, service, argv, options.tty === true))
    })
}

type Tell = (answer: NodeAnswer) => Promise<void>

/**
 * One JSON object a line, a failure too; done when the desk hangs up (its end of stdin), as over SSH no signal may come
 * through.
 */
async function answering(
  io: Io,
  work: (run: RunCommand, tell: Tell, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { requireNodeState } = await import('../../agent/service/status.ts')
  const { createRunCommand } = await import('../../agent/runtimes/command.ts')
  const { recoverPlaces } = await import('../../agent/development/place.ts')
  const { stdin, stdout } = io.streams
  const hungUp = new AbortController()
  const deaf = new AbortController()
  const hangUp = () => hungUp.abort()
  stdin.on('end', hangUp).on('error', hangUp).resume()
  stdout.on('error', () => {
    deaf.abort()
    hangUp()
  })
  const tell: Tell = async (answer) => {
    if (deaf.signal.aborted || stdout.write(`${JSON.stringify(answer)}\n`)) return
    await once(stdout, 'drain', { signal: deaf.signal }).catch(() => {})
  }
  try {
    await requireNodeState()
    const run = createRunCommand()
    for (const service of await recoverPlaces(run))
      await tell({ type: 'development', state: 'restored', service, message: 'an earlier `mojabox dev` was cut' })
    await work(run, tell, AbortSignal.any([io.signal, hungUp.signal]))
  } catch (error) {
    const facts = factsOf(error)
    await tell({ type: 'failed', error: facts })
    throw new CommandEnded(EXIT_CODES[facts.kind])
  }
}

/** What follows it is heard, too: the end of stdin says that the desk has gone. */
function firstLine(stdin: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    const hear = (piece: Buffer) => {
      pieces.push(piece)
      if (!piece.includes('\n')) return
      stdin.off('data', hear)
      resolve(Buffer.concat(pieces).toString('utf8').split('\n')[0] ?? '')
    }
    stdin.on('data', hear)
    stdin.once('end', () => reject(new Error('no order came on stdin')))
  })
}

import { NodeAnswer } from '../../agent/contract/node-answer.ts'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import { linesOf } from '../../agent/development/lines.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Connection } from '../fleet/connection.ts'
import { notInstalled } from './not-installed.ts'

type Answer = Exclude<NodeAnswer, { type: 'failed' }>

/**
 * Runs one of the node's own commands and hands on what it answers, in order.
 * @throws MojaboxError what the node said; `not-installed`; `node-died` when it ends without saying why
 */
export async function askNode(
  connection: Connection,
  args: string[],
  onAnswer: (answer: Answer) => void | Promise<void>,
  options: { signal: AbortSignal; patient?: boolean; input?: string },
): Promise<void> {
  await requireInstalled(connection, options.signal)
  // With `patient` the node is asked to stop (the end of its stdin) and tells how it cleans up.
  const signal = options.patient ? {} : { signal: options.signal }
  const process = await connection.spawn([NODE_PATHS.executable, 'node', ...args], signal)
  const hangUp = () => process.stream.end()
  if (options.input !== undefined) process.stream.write(options.input)
  if (options.patient) options.signal.addEventListener('abort', hangUp, { once: true })
  if (options.patient && options.signal.aborted) hangUp()
  try {
    for await (const line of linesOf(process.stream)) {
      if (!line.startsWith('{')) continue
      const answer = NodeAnswer.parse(JSON.parse(line))
      if (answer.type === 'failed') throw new MojaboxError(answer.error)
      await onAnswer(answer)
    }
    const code = await process.exited
    if (code !== 0 && !options.signal.aborted) throw died(connection, code, process.stderrTail())
  } finally {
    options.signal.removeEventListener('abort', hangUp)
    process.kill()
  }
}

/** @throws MojaboxError `not-installed` */
export async function requireInstalled(connection: Connection, signal: AbortSignal): Promise<void> {
  const { code } = await connection.exec(['test', '-x', NODE_PATHS.executable], { signal })
  if (code !== 0) throw notInstalled(connection.name)
}

function died(connection: Connection, code: number, stderr: string): MojaboxError {
  // An executable of an earlier version does not know the question.
  const older = /unknown command/.test(stderr)
  return new MojaboxError({
    code: 'node-died',
    kind: 'host',
    message: `mojabox on ${connection.address} did not answer`,
    found: `exit code ${code}: ${stderr.trim() || 'no message'}`,
    needed: older ? 'the same version of mojabox there as here' : 'an answer',
    next: older ? 'mojabox install   (it brings this version)' : 'run the same command again',
  })
}

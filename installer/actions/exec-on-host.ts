import { finished } from 'node:stream/promises'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import { CommandEnded } from '../cli/command-ended.ts'
import type { Io } from '../cli/io.ts'
import type { Connection } from '../fleet/connection.ts'
import { requireInstalled } from './ask-node.ts'
import { type OneHostOptions, onOneHost } from './one-host.ts'

/**
 * Runs a command in a service of the hub; what mojabox on the node has to say comes by its stderr, like the command's own.
 * @throws CommandEnded unless the exit code is 0
 */
export async function execOnHost(service: string, argv: string[], options: OneHostOptions, io: Io): Promise<void> {
  const { stdin, stdout } = io.streams
  const tty = stdin.isTTY === true && stdout.isTTY === true
  const words = ['exec', ...(tty ? ['--tty'] : []), service, '--', ...argv]
  const code = await onOneHost(options, io, async (connection) => {
    await requireInstalled(connection, io.signal)
    const all = [NODE_PATHS.executable, 'node', ...words]
    return tty
      ? connection.interactive(all, { streams: io.streams, signal: io.signal })
      : handThrough(connection, all, io)
  })
  if (code !== 0) throw new CommandEnded(code)
}

async function handThrough(connection: Connection, argv: string[], io: Io): Promise<number> {
  const { stdin, stdout, stderr } = io.streams
  const onStderr = (chunk: Buffer) => void stderr.write(chunk)
  const process = await connection.spawn(argv, { signal: io.signal, onStderr })
  // `pipe`, not `pipeline`: a command that stops reading early is no failure, and stdout is not ours to end.
  stdin.pipe(process.stream)
  process.stream.pipe(stdout, { end: false })
  try {
    const [code] = await Promise.all([process.exited, finished(process.stream, { writable: false })])
    return code
  } finally {
    stdin.unpipe(process.stream)
    stdin.pause()
  }
}

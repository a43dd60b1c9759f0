import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { linesOf } from './lines.ts'

/**
 * The lines of a command's stdout and of its stderr, once it has ended: each can be read at its own pace. Of pipes, a reader
 * who waits for a line of the one would wait for ever for a command that waits to be rid of the other.
 */
export async function spooledOutput(argv: readonly string[], signal: AbortSignal): Promise<AsyncGenerator<string>[]> {
  const [stdout, stderr] = [await namelessFile(), await namelessFile()]
  const [program = '', ...args] = argv
  const child = spawn(program, args, { stdio: ['ignore', stdout.fd, stderr.fd], signal })
  const over = new Promise((resolve) => child.once('close', resolve).once('error', resolve))
  return [stdout, stderr].map((file) => linesWhen(over, file))
}

async function* linesWhen(over: Promise<unknown>, file: FileHandle): AsyncGenerator<string> {
  try {
    await over
    yield* linesOf(file.createReadStream({ start: 0, autoClose: false }))
  } finally {
    await file.close()
  }
}

/** For this process alone, and gone with it. */
async function namelessFile(): Promise<FileHandle> {
  const path = join(tmpdir(), `mojabox-${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  await unlink(path)
  return file
}

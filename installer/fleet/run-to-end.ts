import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { ExecOptions, ExecResult, RemoteProcess } from './connection.ts'

/** Starts a command; every connection has one, and its `spawn` and `exec` are both made of it. */
export type StartProcess = (
  argv: readonly string[],
  options: { signal?: AbortSignal | undefined; onStderr?: (chunk: Buffer) => void },
) => Promise<RemoteProcess>

const DEFAULT_TIMEOUT_MS = 60_000
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

/**
 * Runs a command to its end and collects what it says.
 * @throws MojaboxError `host-timeout` after `timeoutMs`, `interrupted` on abort, `host-output` beyond 64 MiB, and
 * whatever the link throws
 */
export async function runToEnd(
  start: StartProcess,
  argv: readonly string[],
  options: ExecOptions,
  address: string,
): Promise<ExecResult> {
  const limitMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(timedOut(argv, address, limitMs)), limitMs)
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
  const limit = () => stop.abort(tooMuch(argv, address))
  const stdout = new Collected(limit)
  const stderr = new Collected(limit)
  try {
    const child = await start(argv, { signal, onStderr: (chunk) => stderr.add(chunk) })
    child.stream.on('data', (chunk: Buffer) => stdout.add(chunk))
    const ended = finished(child.stream, { writable: false })
    const broken = feed(child, options.input)
    const [code] = await Promise.race([Promise.all([child.exited, ended]), broken])
    return { code, stdout: stdout.text(), stderr: stderr.text() }
  } finally {
    clearTimeout(timer)
    if (options.input instanceof Readable) options.input.destroy()
  }
}

/** Feeds stdin. Rejects when the input breaks; a command that stops reading early is no failure. */
function feed(child: RemoteProcess, input: ExecOptions['input']): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => {})
  if (!(input instanceof Readable)) {
    child.stream.end(input)
    return promise
  }
  input.on('error', (error) => {
    reject(error)
    child.kill()
  })
  // `pipe`, not `pipeline`: that would make the command's end look like a failure of the input.
  input.pipe(child.stream)
  return promise
}

class Collected {
  readonly #chunks: Buffer[] = []
  readonly #onTooMuch: () => void
  #bytes = 0

  constructor(onTooMuch: () => void) {
    this.#onTooMuch = onTooMuch
  }

  add(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > MAX_OUTPUT_BYTES) this.#onTooMuch()
    else this.#chunks.push(chunk)
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8')
  }
}

function timedOut(argv: readonly string[], address: string, limitMs: number): MojaboxError {
  return new MojaboxError({
    code: 'host-timeout',
    kind: 'host',
    message: `\`${argv[0]}\` on ${address} did not end within ${limitMs / 1000} s`,
    found: `still running after ${limitMs / 1000} s`,
    needed: 'its end',
    next: `look at the load of ${address}, then run the same command again`,
  })
}

function tooMuch(argv: readonly string[], address: string): MojaboxError {
  return new MojaboxError({
    code: 'host-output',
    kind: 'host',
    message: `\`${argv[0]}\` on ${address} printed more than 64 MiB`,
    found: 'more than 64 MiB of output',
    needed: 'a command’s usual output',
    next: `look at ${address}: something there answers in place of the command`,
  })
}

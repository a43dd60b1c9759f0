import type { ClientChannel } from 'ssh2'
import type { MojaboxError } from '../../bundles/format/error.ts'
import type { RemoteProcess } from './connection.ts'
import { exitCode, Tail } from './ended-process.ts'
import { interruption } from './interruption.ts'
import { ProcessStream } from './process-stream.ts'

/** The connection as its processes see it. */
export interface SshLink {
  /** Why it broke; undefined while it stands. */
  lost(): MojaboxError | undefined
  /** Calls back once when it breaks; returns how to stop listening. */
  onLost(listener: (error: MojaboxError) => void): () => void
  /** The error for a channel that ended without an exit status. */
  cut(): MojaboxError
}

/** After this long without an end, a kill closes the channel whether or not the process obeyed. */
const KILL_GRACE_MS = 1000
/** How long stderr may trail behind the exit status: a daemon left in the background can hold it open for ever. */
const STDERR_GRACE_MS = 1000

/** A command running in an ssh2 channel, as a `RemoteProcess`. */
export function sshProcess(
  channel: ClientChannel,
  link: SshLink,
  options: { signal?: AbortSignal | undefined; onStderr?: ((chunk: Buffer) => void) | undefined },
): RemoteProcess {
  const tail = new Tail()
  const stream = new ProcessStream(channel, channel, () => link.lost())
  const end = Promise.withResolvers<number>()
  // Whoever does not wait for the end must not crash the desk.
  end.promise.catch(() => {})
  let code: number | undefined
  let killed = false
  let timer: NodeJS.Timeout | undefined

  // stdout and stderr share one flow-control window: an unread stderr would stop stdout.
  channel.stderr.on('data', (chunk: Buffer) => {
    tail.add(chunk)
    options.onStderr?.(chunk)
  })
  channel.on('exit', (status: number | null, signal?: string) => {
    code = exitCode(status, signal)
    timer = setTimeout(settle, STDERR_GRACE_MS)
    stream.processGone()
  })
  channel.stderr.once('close', settle)

  const stopListening = link.onLost(fail)
  const abort = () => {
    if (options.signal === undefined) return
    kill()
    fail(interruption(options.signal))
  }
  options.signal?.addEventListener('abort', abort, { once: true })
  if (options.signal?.aborted === true) abort()

  function settle(): void {
    stream.processGone()
    const lost = link.lost()
    if (code !== undefined) end.resolve(code)
    else if (killed) end.resolve(exitCode(undefined, 'SIGTERM'))
    else fail(lost ?? link.cut())
    finish()
  }

  function fail(error: MojaboxError): void {
    end.reject(error)
    stream.destroy(error)
    finish()
  }

  function finish(): void {
    clearTimeout(timer)
    stopListening()
    options.signal?.removeEventListener('abort', abort)
  }

  /** A polite signal first (sshd passes it on when it may), then the end of the channel: its stdin and stdout close. */
  function kill(): void {
    if (killed || code !== undefined || link.lost() !== undefined) return
    killed = true
    sendSignal(channel, 'TERM')
    setTimeout(() => {
      if (code !== undefined) return
      channel.close()
      // sshd keeps the channel until the process ends; whoever gave it up does not wait for that.
      settle()
      stream.destroy()
    }, KILL_GRACE_MS).unref()
  }

  return { stream, stderrTail: () => tail.text(), exited: end.promise, kill }
}

/**
 * ssh2's own `signal()` does nothing once stdin is closed, which it is for nearly every command: the protocol has no
 * such limit, so this goes past it. The version of ssh2 is pinned, and a test would miss the signal.
 */
function sendSignal(channel: ClientChannel, name: string): void {
  const inner = channel as unknown as {
    _client: { _protocol: { signal(channelId: number, name: string): void } }
    outgoing: { id: number; state: string }
  }
  if (inner.outgoing.state === 'open' || inner.outgoing.state === 'eof')
    inner._client._protocol.signal(inner.outgoing.id, name)
}

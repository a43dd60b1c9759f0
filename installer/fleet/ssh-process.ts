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

export interface SshProcessOptions {
  signal?: AbortSignal | undefined
  onStderr?: ((chunk: Buffer) => void) | undefined
}

/** A command running in an ssh2 channel. Made in the tick in which the channel opens, or its first words are missed. */
export class SshProcess implements RemoteProcess {
  readonly stream: ProcessStream
  readonly exited: Promise<number>
  readonly #channel: ClientChannel
  readonly #link: SshLink
  readonly #signal: AbortSignal | undefined
  readonly #tail = new Tail()
  readonly #end = Promise.withResolvers<number>()
  readonly #stopListening: () => void
  #code: number | undefined
  #killed = false
  #timer: NodeJS.Timeout | undefined

  constructor(channel: ClientChannel, link: SshLink, options: SshProcessOptions) {
    this.#channel = channel
    this.#link = link
    this.#signal = options.signal
    this.stream = new ProcessStream(channel, channel, () => link.lost())
    this.exited = this.#end.promise
    // Whoever does not wait for the end must not crash the desk.
    this.exited.catch(() => {})

    // stdout and stderr share one flow-control window: an unread stderr would stop stdout.
    channel.stderr.on('data', (chunk: Buffer) => {
      this.#tail.add(chunk)
      options.onStderr?.(chunk)
    })
    channel.on('exit', (status: number | null, signal?: string) => {
      this.#code = exitCode(status, signal)
      this.#timer = setTimeout(() => this.#settle(), STDERR_GRACE_MS)
      this.stream.processGone()
    })
    channel.stderr.once('close', () => this.#settle())
    this.#stopListening = link.onLost((error) => this.#fail(error))
    this.#signal?.addEventListener('abort', this.#abort, { once: true })
  }

  stderrTail(): string {
    return this.#tail.text()
  }

  /** A polite signal first (sshd passes it on when it may), then the end of the channel: its stdin and stdout close. */
  kill(): void {
    if (this.#killed || this.#code !== undefined || this.#link.lost() !== undefined) return
    this.#killed = true
    sendSignal(this.#channel, 'TERM')
    setTimeout(() => {
      if (this.#code !== undefined) return
      this.#channel.close()
      // sshd keeps the channel until the process ends; whoever gave it up does not wait for that.
      this.#settle()
      this.stream.destroy()
    }, KILL_GRACE_MS).unref()
  }

  #settle(): void {
    this.stream.processGone()
    if (this.#code !== undefined) this.#end.resolve(this.#code)
    else if (this.#killed) this.#end.resolve(exitCode(undefined, 'SIGTERM'))
    else this.#fail(this.#link.lost() ?? this.#link.cut())
    this.#finish()
  }

  #abort = (): void => {
    this.kill()
    if (this.#signal !== undefined) this.#fail(interruption(this.#signal))
  }

  #fail(error: MojaboxError): void {
    this.#end.reject(error)
    this.stream.destroy(error)
    this.#finish()
  }

  #finish(): void {
    clearTimeout(this.#timer)
    this.#stopListening()
    this.#signal?.removeEventListener('abort', this.#abort)
  }
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

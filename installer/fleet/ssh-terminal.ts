import type { ClientChannel } from 'ssh2'
import type { InteractiveOptions } from './connection.ts'
import { exitCode } from './ended-process.ts'
import { interruption } from './interruption.ts'
import type { SshLink } from './ssh-process.ts'

/** Words that may come before sudo's prompt (a greeting, a warning) are kept back no longer than this, bytes. */
const PROMPT_WITHIN_BYTES = 8 * 1024

/** A command in an ssh2 channel with a pseudo-terminal, tied to the person's own: raw keys there, its size kept. */
export class SshTerminal {
  readonly ended: Promise<number>
  readonly #channel: ClientChannel
  readonly #options: InteractiveOptions
  #held = ''
  #answered: boolean

  constructor(channel: ClientChannel, link: SshLink, options: InteractiveOptions) {
    this.#channel = channel
    this.#options = options
    this.#answered = options.answer === undefined
    const { streams, signal } = options
    const { stdin, stdout } = streams
    const end = Promise.withResolvers<number>()
    let code: number | undefined

    channel.on('data', (chunk: Buffer) => this.#show(chunk))
    channel.stderr.on('data', (chunk: Buffer) => stdout.write(chunk))
    channel.on('exit', (status: number | null, name?: string) => {
      code = exitCode(status, name)
    })
    channel.on('close', () => (code === undefined ? end.reject(link.lost() ?? link.cut()) : end.resolve(code)))
    const stopListening = link.onLost((error) => end.reject(error))
    const abort = () => {
      channel.close()
      if (signal) end.reject(interruption(signal))
    }
    signal?.addEventListener('abort', abort, { once: true })

    const keys = (chunk: Buffer) => channel.write(chunk)
    const resize = () => channel.setWindow(stdout.rows, stdout.columns, 0, 0)
    stdin.setRawMode?.(true)
    stdin.on('data', keys).resume()
    stdout.on('resize', resize)
    this.ended = end.promise.finally(() => {
      stdin.off('data', keys).pause()
      stdin.setRawMode?.(false)
      stdout.off('resize', resize)
      stopListening()
      signal?.removeEventListener('abort', abort)
    })
  }

  /** What comes before and with the prompt is not the command's. */
  #show(chunk: Buffer): void {
    const { streams, answer } = this.#options
    if (this.#answered || answer === undefined) {
      streams.stdout.write(chunk)
      return
    }
    this.#held += chunk.toString('utf8')
    const at = this.#held.indexOf(answer.prompt)
    if (at >= 0) {
      // sudo has turned the echo off before it shows its prompt.
      this.#channel.write(answer.text)
      this.#let(this.#held.slice(0, at) + this.#held.slice(at + answer.prompt.length).replace(/^\r?\n/, ''))
    } else if (this.#held.length > PROMPT_WITHIN_BYTES) this.#let(this.#held)
  }

  #let(text: string): void {
    this.#answered = true
    this.#held = ''
    if (text !== '') this.#options.streams.stdout.write(text)
  }
}

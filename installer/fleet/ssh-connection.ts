import { homedir } from 'node:os'
import type { Duplex } from 'node:stream'
import pLimit from 'p-limit'
import type { Client, ClientChannel, ExecOptions } from 'ssh2'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Secrets } from '../site/secret.ts'
import type { Connection } from './connection.ts'
import type { HostKeys } from './host-keys.ts'
import { interruption } from './interruption.ts'
import { relayRefused } from './relay-refused.ts'
import { runToEnd, type StartProcess } from './run-to-end.ts'
import { shellCommand } from './shell-quote.ts'
import { closedError, connectError, lostError, type SshPlace, sessionRefused } from './ssh-errors.ts'
import { type LinkOptions, openClient } from './ssh-link.ts'
import { type Login, LoginSequence, loginAttempts } from './ssh-logins.ts'
import { type SshLink, SshProcess } from './ssh-process.ts'
import { SshTerminal } from './ssh-terminal.ts'

/** A host to log in to; a `Host` of the site with a user is one. */
export interface SshTarget extends Login {
  name: string
  jump?: Login | undefined
}

export interface SshOptions {
  hostKeys: HostKeys
  secrets: Secrets
  signal?: AbortSignal | undefined
  /** Per hop, until logged in, not counting the time a person is asked; default 15 000. */
  connectTimeoutMs?: number
  /** Default 5 000; the link counts as lost after three without an answer. */
  keepaliveIntervalMs?: number
  /** Where SSH_AUTH_SOCK is looked up; default the process' own. */
  env?: Readonly<Record<string, string | undefined>>
  /** Whose ~/.ssh holds the default identities; default this user's. */
  home?: string
}

const CLOSE_TIMEOUT_MS = 2000
/** sshd's MaxSessions is 10; what is spawned needs some of them too. */
const PARALLEL_COMMANDS = 6

/**
 * Connects and logs in. Made on `ssh2` alone: node-ssh's own connect and exec have no abort, no time-out per command,
 * no back-pressure from a stream, and hide the channel that `spawn` must hand out.
 * @throws MojaboxError kind host: `host-unreachable`, `host-timeout`, `host-auth`, `host-key-unknown`,
 * `host-key-changed`, `host-key-revoked`; kind interrupted on abort
 */
export async function connectSsh(target: SshTarget, options: SshOptions): Promise<Connection> {
  const link: LinkOptions = {
    hostKeys: options.hostKeys,
    signal: options.signal,
    connectTimeoutMs: options.connectTimeoutMs ?? 15_000,
    keepaliveIntervalMs: options.keepaliveIntervalMs ?? 5000,
  }
  const around = {
    secrets: options.secrets,
    home: options.home ?? homedir(),
    agentSocket: (options.env ?? process.env).SSH_AUTH_SOCK || undefined,
  }
  const { jump } = target
  if (jump === undefined) {
    const place = placeOf(target)
    const client = await openClient(target, await loginAttempts(target, around), place, link, undefined)
    return new SshConnection(target.name, client, place)
  }
  const attempts = await loginAttempts(target, around)
  const gate = placeOf(jump)
  const first = await openClient(jump, await loginAttempts(jump, around), gate, link, undefined)
  const place = placeOf(target, gate)
  try {
    // A jump host that breaks shows itself by the end of the channel it carries.
    first.on('error', () => {})
    const channel = await forward(first, target, place, link)
    return new SshConnection(target.name, await openClient(target, attempts, place, link, channel), place, first)
  } catch (error) {
    first.end()
    throw error
  }
}

class SshConnection implements Connection, SshLink {
  readonly name: string
  readonly address: string
  readonly #client: Client
  readonly #gate: Client | undefined
  readonly #place: SshPlace
  readonly #inTurn = pLimit(PARALLEL_COMMANDS)
  readonly #listeners = new Set<(error: MojaboxError) => void>()
  readonly #closed: Promise<void>
  #lost: MojaboxError | undefined

  constructor(name: string, client: Client, place: SshPlace, gate?: Client) {
    this.name = name
    this.address = place.address
    this.#client = client
    this.#gate = gate
    this.#place = place
    client.on('error', (error) => this.#lose(error))
    this.#closed = new Promise((resolve) => {
      client.once('close', () => {
        this.#lose()
        resolve()
      })
    })
  }

  exec: Connection['exec'] = (argv, options = {}) =>
    this.#inTurn(() => runToEnd(this.#start, argv, options, this.address))

  spawn: Connection['spawn'] = (argv, options = {}) => this.#start(argv, options)

  interactive: Connection['interactive'] = async (argv, options) => {
    const { streams } = options
    const pty = { cols: streams.stdout.columns ?? 80, rows: streams.stdout.rows ?? 24, term: streams.type }
    const started = await this.#open(
      argv,
      { pty },
      options.signal,
      (channel) => new SshTerminal(channel, this, options),
    )
    return started.ended
  }

  connect: Connection['connect'] = (address, port) => {
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
    if (this.#lost !== undefined) reject(this.#lost)
    else
      this.#client.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
        if (error === undefined) resolve(channel)
        else reject(this.#lost ?? relayRefused(this.address, address, port, error))
      })
    return promise
  }

  async close(): Promise<void> {
    this.#tellLost(closedError(this.#place))
    this.#client.end()
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)
    })
    await Promise.race([this.#closed, limit])
    clearTimeout(timer)
    this.#client.destroy()
    this.#gate?.end()
  }

  lost(): MojaboxError | undefined {
    return this.#lost
  }

  onLost(listener: (error: MojaboxError) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  cut(): MojaboxError {
    return lostError(this.#place)
  }

  #start: StartProcess = (argv, options) =>
    // Here and not after an await: output and exit status may lie in the same packet, come in this very tick.
    this.#open(argv, {}, options.signal, (channel) => {
      const started = new SshProcess(channel, this, options)
      if (options.signal?.aborted === true) started.kill()
      return started
    })

  #open<T>(
    argv: readonly string[],
    how: ExecOptions,
    signal: AbortSignal | undefined,
    take: (channel: ClientChannel) => T,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const abort = () => signal !== undefined && reject(interruption(signal))
    const stopListening = this.onLost(reject)
    if (this.#lost !== undefined) reject(this.#lost)
    else if (signal?.aborted === true) abort()
    else {
      signal?.addEventListener('abort', abort, { once: true })
      try {
        this.#client.exec(shellCommand(argv), how, (error, channel) => {
          if (error !== undefined) reject(this.#lost ?? sessionRefused(this.#place, error))
          else resolve(take(channel))
        })
      } catch (error) {
        // ssh2 throws when its socket is gone already but has not said so.
        reject(this.#lost ?? lostError(this.#place, error))
      }
    }
    return promise.finally(() => {
      stopListening()
      signal?.removeEventListener('abort', abort)
    })
  }

  #lose(error?: unknown): void {
    this.#tellLost(lostError(this.#place, error))
    this.#client.destroy()
    this.#gate?.end()
  }

  #tellLost(error: MojaboxError): void {
    if (this.#lost !== undefined) return
    this.#lost = error
    for (const listener of [...this.#listeners]) listener(error)
  }
}

function placeOf(login: Login, gate?: SshPlace): SshPlace {
  const host = login.address.includes(':') ? `[${login.address}]` : login.address
  const through = gate === undefined ? '' : ` through ${gate.address}`
  return { address: `${login.user}@${host}:${login.port}${through}`, host: login.address, port: login.port }
}

/** A TCP connection from the jump host to the target. */
function forward(gate: Client, target: Login, place: SshPlace, options: LinkOptions): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  const { signal, connectTimeoutMs } = options
  const abort = () => signal !== undefined && reject(interruption(signal))
  const timer = setTimeout(
    () => reject(forwardError(place, `no answer in ${connectTimeoutMs / 1000} s`)),
    connectTimeoutMs,
  )
  signal?.addEventListener('abort', abort, { once: true })
  gate.once('close', () => reject(lostError(place)))
  gate.forwardOut('127.0.0.1', 0, target.address, target.port, (error, channel) => {
    if (error === undefined) resolve(channel)
    else if ('reason' in error)
      reject(
        forwardError(
          place,
          error.reason === 1 ? 'the jump host forbids forwarding' : 'the jump host cannot connect to it',
          error,
        ),
      )
    else reject(connectError(error, place, 'socket', new LoginSequence([])))
  })
  return promise.finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  })
}

function forwardError(place: SshPlace, found: string, cause?: unknown): MojaboxError {
  return new MojaboxError(
    {
      code: 'host-unreachable',
      kind: 'host',
      message: `${place.address} cannot be reached: ${found}`,
      found,
      needed: `a way from the jump host to ${place.host} port ${place.port}, and AllowTcpForwarding in its sshd_config`,
      next: `check address and port of ${place.host} as the jump host sees it, then run the same command again`,
    },
    { cause },
  )
}

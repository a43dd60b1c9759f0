import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import ssh2, { type AuthenticationType, type Client, type NextAuthHandler } from 'ssh2'
import type { HostKeys } from './host-keys.ts'
import { Countdown, interruption } from './interruption.ts'
import { watchSilence } from './keep-alive.ts'
import { connectError, connectTimeout, SILENT, type SshPhase, type SshPlace, waitedTooLong } from './ssh-errors.ts'
import { type Login, type LoginAttempt, LoginSequence } from './ssh-logins.ts'

export interface LinkOptions {
  hostKeys: HostKeys
  signal?: AbortSignal | undefined
  /** Until logged in, not counting the time a person is asked. */
  connectTimeoutMs: number
  keepaliveIntervalMs: number
}

/** AES-GCM first: the fastest that `ssh2` has (313–329 MB/s; its chacha20 190 MB/s). */
const CIPHERS = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
  'chacha20-poly1305@openssh.com',
] as const

/**
 * Opens and logs in one ssh2 client, over a socket of its own or over `through`.
 * @throws MojaboxError kind host, or `interrupted`
 */
export function openClient(
  login: Login,
  attempts: readonly LoginAttempt[],
  place: SshPlace,
  options: LinkOptions,
  through: Duplex | undefined,
): Promise<Client> {
  return new Opening(login, attempts, place, options, through).client()
}

class Opening {
  readonly #login: Login
  readonly #place: SshPlace
  readonly #options: LinkOptions
  readonly #logins: LoginSequence
  readonly #client = new ssh2.Client()
  readonly #socket: Duplex | CorkedSocket
  readonly #outcome = Promise.withResolvers<Client>()
  readonly #countdown: Countdown
  #phase: SshPhase
  #over = false
  /** A person is thinking; no clock of ours runs, but the host's may (sshd's LoginGraceTime). */
  #asking = false
  #exhausted = false
  #trustedKey: Buffer | undefined

  constructor(
    login: Login,
    attempts: readonly LoginAttempt[],
    place: SshPlace,
    options: LinkOptions,
    through: Duplex | undefined,
  ) {
    this.#login = login
    this.#place = place
    this.#options = options
    this.#logins = new LoginSequence(attempts)
    this.#socket = through ?? new CorkedSocket()
    this.#phase = through === undefined ? 'socket' : 'handshake'
    const limitMs = options.connectTimeoutMs
    this.#countdown = new Countdown(limitMs, () => this.#fail(connectTimeout(place, this.#phase, limitMs)))
  }

  client(): Promise<Client> {
    const { signal } = this.#options
    signal?.addEventListener('abort', this.#abort, { once: true })
    if (signal?.aborted === true) this.#abort()
    else this.#connect()
    return this.#outcome.promise
  }

  #connect(): void {
    const { address: host, port, user: username } = this.#login
    this.#listen()
    // Before ssh2 gets it: a socket that is not connecting passes for connected there.
    if (this.#socket instanceof CorkedSocket) {
      this.#socket.setNoDelay(true)
      // Node would give each address of a name 250 ms: less than one round trip over a satellite.
      this.#socket.connect({ host, port, autoSelectFamilyAttemptTimeout: 5000 })
    }
    this.#client.connect({
      sock: this.#socket,
      host,
      port,
      username,
      readyTimeout: 0,
      keepaliveInterval: this.#options.keepaliveIntervalMs,
      // The pings are ssh2's, the verdict is `watchSilence`'s.
      keepaliveCountMax: Number.POSITIVE_INFINITY,
      algorithms: {
        cipher: [...CIPHERS],
        compress: ['none'],
        serverHostKey: this.#options.hostKeys.algorithms(host, port),
      },
      hostVerifier: (key: Buffer, verify: (trusted: boolean) => void) => this.#verifyHost(key, verify),
      authHandler: (offered, _partial, next) => {
        // ssh2 says null before the host was asked: `none` is how one asks.
        if (offered === null) next({ type: 'none', username })
        else void this.#nextLogin(offered, next)
      },
    })
  }

  #listen(): void {
    this.#client.on('connect', () => {
      this.#phase = 'handshake'
    })
    this.#client.on('handshake', () => {
      if (this.#phase === 'handshake') this.#phase = 'login'
    })
    this.#client.on('ready', () => {
      this.#phase = 'ready'
      this.#finish()
      this.#keepAlive()
      this.#outcome.resolve(this.#client)
    })
    this.#client.on('error', (error: Error & { level?: string }) => {
      // A silent agent or a key that does not sign only ends that attempt; ssh2 goes on to the next.
      const goesOn = error.level === 'agent' || (error.level === 'client-authentication' && !this.#exhausted)
      if (!goesOn) this.#fail(error)
    })
    this.#client.on('close', () => this.#fail(this.#asking ? waitedTooLong(this.#place) : undefined))
  }

  #keepAlive(): void {
    const client = this.#client
    const watch = watchSilence(this.#socket, this.#options.keepaliveIntervalMs, () => {
      client.emit('error', Object.assign(new Error('silent'), { level: SILENT }))
      client.destroy()
    })
    client.once('close', () => watch.stop())
  }

  #verifyHost(shown: Buffer, verify: (trusted: boolean) => void): void {
    // At every renewal of the session keys (hardened hosts: each GB or hour) the answer must come in the same tick,
    // or ssh2 sends data before its NEWKEYS and the host ends the connection. Another key than before is refused.
    if (this.#trustedKey !== undefined) {
      verify(this.#trustedKey.equals(shown))
      return
    }
    const key = Buffer.from(shown)
    const { address, port } = this.#login
    this.#options.hostKeys
      .verify(address, port, key, (waiting) => this.#ask(waiting))
      .then(
        () => {
          this.#trustedKey = key
          if (!this.#over) verify(true)
        },
        (error: unknown) => this.#fail(error),
      )
  }

  async #nextLogin(offered: readonly AuthenticationType[], next: NextAuthHandler): Promise<void> {
    try {
      // Preparing may ask a person for a passphrase.
      this.#ask(true)
      const method = await this.#logins.next(offered).finally(() => this.#ask(false))
      if (this.#over) return
      this.#exhausted = method === undefined
      // False is how ssh2 is told that there is nothing left; its types do not know.
      next(method ?? (false as never))
    } catch (error) {
      this.#fail(error)
    }
  }

  #ask(waiting: boolean): void {
    this.#asking = waiting
    if (this.#over) return
    if (waiting) this.#countdown.pause()
    else this.#countdown.resume()
  }

  #abort = (): void => {
    if (this.#options.signal !== undefined) this.#fail(interruption(this.#options.signal))
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#finish()
    this.#outcome.reject(connectError(error, this.#place, this.#phase, this.#logins))
    this.#socket.destroy()
  }

  #finish(): void {
    this.#over = true
    this.#countdown.pause()
    this.#options.signal?.removeEventListener('abort', this.#abort)
  }
}

/** Gathers the packets of one tick into one system call: ssh2 writes each (at most 32 KiB) on its own. */
class CorkedSocket extends Socket {
  override write(chunk: Uint8Array | string, ...rest: [never?, never?]): boolean {
    if (this.writableCorked === 0) {
      this.cork()
      process.nextTick(() => this.uncork())
    }
    return super.write(chunk, ...rest)
  }
}

import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import ssh2, { type Client } from 'ssh2'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { HostKeys } from './host-keys.ts'
import { Countdown, interruption } from './interruption.ts'
import { connectError, connectTimeout, type SshPhase, type SshPlace } from './ssh-errors.ts'
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
  const { promise, resolve, reject } = Promise.withResolvers<Client>()
  const client = new ssh2.Client()
  const logins = new LoginSequence(attempts)
  const socket = through ?? new CorkedSocket()
  let phase: SshPhase = through === undefined ? 'socket' : 'handshake'
  /** An error of ours that explains what ssh2 will only call a failed handshake or login. */
  let reason: unknown
  let exhausted = false
  let trustedKey: Buffer | undefined

  const countdown = new Countdown(options.connectTimeoutMs, () => {
    fail(connectTimeout(place, phase, options.connectTimeoutMs))
  })
  const asking = (waiting: boolean) => (waiting ? countdown.pause() : countdown.resume())
  const abort = () => options.signal !== undefined && fail(interruption(options.signal))
  options.signal?.addEventListener('abort', abort, { once: true })

  function finish(): void {
    countdown.pause()
    options.signal?.removeEventListener('abort', abort)
  }

  function fail(error: unknown): void {
    finish()
    reject(reason instanceof MojaboxError ? reason : connectError(error, place, phase, logins))
    socket.destroy()
  }

  client.on('connect', () => {
    phase = 'handshake'
  })
  client.on('handshake', () => {
    if (phase === 'handshake') phase = 'login'
  })
  client.on('ready', () => {
    phase = 'ready'
    finish()
    resolve(client)
  })
  client.on('error', (error: Error & { level?: string }) => {
    // A silent agent or a key that does not sign only ends that attempt; ssh2 goes on to the next.
    const goesOn = error.level === 'agent' || (error.level === 'client-authentication' && !exhausted)
    if (phase !== 'ready' && !goesOn) fail(error)
  })
  client.on('close', () => {
    if (phase !== 'ready') fail(undefined)
  })

  if (options.signal?.aborted === true) {
    abort()
    return promise
  }
  // Before ssh2 gets it: a socket that is not connecting passes for connected there.
  if (socket instanceof CorkedSocket) {
    socket.setNoDelay(true)
    // Node would give each address of a name 250 ms: less than one round trip over a satellite.
    socket.connect({ host: login.address, port: login.port, autoSelectFamilyAttemptTimeout: 5000 })
  }
  client.connect({
    sock: socket,
    host: login.address,
    port: login.port,
    username: login.user,
    readyTimeout: 0,
    keepaliveInterval: options.keepaliveIntervalMs,
    keepaliveCountMax: 3,
    algorithms: {
      cipher: [...CIPHERS],
      compress: ['none'],
      serverHostKey: options.hostKeys.algorithms(login.address, login.port),
    },
    hostVerifier: (key: Buffer, verify: (trusted: boolean) => void) => {
      // At every renewal of the session keys (hardened hosts: each GB or hour) the answer must come in the same tick,
      // or ssh2 sends data before its NEWKEYS and the host ends the connection. Another key than before is refused.
      if (trustedKey !== undefined) return verify(trustedKey.equals(key))
      options.hostKeys.verify(login.address, login.port, Buffer.from(key), asking).then(
        () => {
          trustedKey = Buffer.from(key)
          verify(true)
        },
        (error: unknown) => {
          reason = error
          verify(false)
        },
      )
    },
    authHandler: (offered, _partial, next) => {
      // ssh2 says null before the host was asked: `none` is how one asks.
      if (offered === null) return next({ type: 'none', username: login.user })
      // Preparing may ask a person for a passphrase.
      countdown.pause()
      logins.next(offered).then(
        (method) => {
          countdown.resume()
          exhausted = method === undefined
          // False is how ssh2 is told that there is nothing left; its types do not know.
          next(method ?? (false as never))
        },
        (error: unknown) => {
          reason = error
          fail(error)
        },
      )
    },
  })
  return promise
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

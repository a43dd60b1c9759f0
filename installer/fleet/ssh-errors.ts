import { MojaboxError } from '../../bundles/format/error.ts'
import type { LoginSequence } from './ssh-logins.ts'

/** How far a connection had come when it failed. */
export type SshPhase = 'socket' | 'handshake' | 'login' | 'ready'

export interface SshPlace {
  /** `ops@10.0.0.7:22`, with `through …` when a jump host is between. */
  address: string
  host: string
  port: number
}

/** The `level` of the error that our keep-alive raises, beside those of ssh2. */
export const SILENT = 'silent'

const AGAIN = 'then run the same command again: it goes on where this one stopped'

/** What a failed connection attempt means, by the error's own fields, never by its words. */
export function connectError(error: unknown, place: SshPlace, phase: SshPhase, logins: LoginSequence): MojaboxError {
  if (error instanceof MojaboxError) return error
  const code = codeOf(error)
  if (phase === 'login') return loginError(place, logins, error)
  if (phase === 'handshake' && levelOf(error) === 'handshake') {
    return hostError(
      'host-unreachable',
      `${place.address} speaks no SSH algorithm that mojabox does: ${wordsOf(error)}`,
      {
        found: wordsOf(error),
        needed:
          'OpenSSH 7.4 or later with its usual algorithms (curve25519 or nistp256, Ed25519, ECDSA or RSA-SHA2 host key, AES-GCM or AES-CTR)',
        next: `allow one of those in sshd_config on ${place.host}, ${AGAIN}`,
        cause: error,
      },
    )
  }
  if (phase === 'handshake') {
    return hostError('host-unreachable', `${place.address} answered, but not with SSH`, {
      found: code ?? wordsOf(error),
      needed: `an SSH server on port ${place.port}`,
      next: `check the port of ${place.host} and whether its sshd takes connections, ${AGAIN}`,
      cause: error,
    })
  }
  return socketError(code, place, error)
}

export function connectTimeout(place: SshPlace, phase: SshPhase, limitMs: number): MojaboxError {
  const silent = phase === 'socket'
  return hostError(
    'host-timeout',
    `${place.address} did not ${silent ? 'answer' : 'finish logging in'} within ${limitMs / 1000} s`,
    {
      found: silent ? `no answer in ${limitMs / 1000} s` : `silence during the ${phase}`,
      needed: `a reachable SSH server at ${place.host} port ${place.port}`,
      next: `check that ${place.host} is on and that no firewall drops port ${place.port}, ${AGAIN}`,
    },
  )
}

/** The host's patience (sshd's LoginGraceTime, two minutes by default) ended before the person's answer came. */
export function waitedTooLong(place: SshPlace): MojaboxError {
  return hostError('host-timeout', `${place.address} ended the connection while it waited for your answer`, {
    found: 'an answer that took longer than the host waits',
    needed: 'an answer within the host’s LoginGraceTime (two minutes as a rule)',
    next: `run the same command again: what you have answered is remembered`,
  })
}

/** The link broke after it stood. */
export function lostError(place: SshPlace, error?: unknown): MojaboxError {
  const silent = levelOf(error) === SILENT
  const found = silent
    ? 'no sign of life: three keep-alives went unanswered'
    : (codeOf(error) ?? 'the host closed the connection')
  return hostError('host-lost', `lost the connection to ${place.address}: ${found}`, {
    found,
    needed: 'a connection that lasts',
    next: `check the network to ${place.host}, ${AGAIN}`,
    cause: error,
  })
}

/** What a process hears that still ran when its connection was closed on purpose. */
export function closedError(place: SshPlace): MojaboxError {
  return hostError('host-lost', `the connection to ${place.address} was closed from this side`, {
    found: 'a command that was still running',
    needed: 'its end before the connection’s',
    next: 'run the same command again: it goes on where this one stopped',
  })
}

/** The host refused a further session on a standing connection (MaxSessions, a restricted account). */
export function sessionRefused(place: SshPlace, error: unknown): MojaboxError {
  const reason = error instanceof Error && 'reason' in error ? ` (reason ${String(error.reason)})` : ''
  return hostError('host-session-refused', `${place.address} refuses to run a command${reason}`, {
    found: wordsOf(error),
    needed: 'an account that may run commands, and MaxSessions of 10 or more in sshd_config',
    next: `allow it on ${place.host}, ${AGAIN}`,
    cause: error,
  })
}

function socketError(code: string | undefined, place: SshPlace, cause: unknown): MojaboxError {
  const target = `${place.host} port ${place.port}`
  switch (code) {
    case 'ECONNREFUSED':
      return hostError('host-unreachable', `${place.address} refused the connection`, {
        found: 'nothing listens there (ECONNREFUSED)',
        needed: `an SSH server at ${target}`,
        next: `start sshd on ${place.host} or correct its port, ${AGAIN}`,
        cause,
      })
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'EAI_NODATA':
      return hostError('host-unreachable', `the name ${place.host} cannot be resolved`, {
        found: `no address (${code})`,
        needed: 'a name this machine can resolve, or an IP address',
        next: `write the IP address of ${place.host}, or add the name to /etc/hosts, ${AGAIN}`,
        cause,
      })
    case 'ETIMEDOUT':
      return hostError('host-timeout', `${place.address} did not answer`, {
        found: 'no answer (ETIMEDOUT)',
        needed: `a reachable SSH server at ${target}`,
        next: `check that ${place.host} is on and that no firewall drops port ${place.port}, ${AGAIN}`,
        cause,
      })
    default:
      return hostError('host-unreachable', `${place.address} cannot be reached: ${code ?? wordsOf(cause)}`, {
        found: code ?? wordsOf(cause),
        needed: `a route to an SSH server at ${target}`,
        next: `check the network to ${place.host}, ${AGAIN}`,
        cause,
      })
  }
}

function loginError(place: SshPlace, logins: LoginSequence, cause: unknown): MojaboxError {
  const tried = logins.tried.length === 0 ? 'nothing to log in with' : `tried ${logins.tried.join(', ')}`
  const offered = logins.offered === undefined ? '' : `; the host takes ${logins.offered.join(', ')}`
  // A disconnect during the login carries SSH's reason number; too many keys in the agent is the usual one.
  const cut = typeof codeOf(cause) === 'string' ? '; the host ended the attempt' : ''
  return hostError('host-auth', `${place.address} does not let us in (${tried}${offered}${cut})`, {
    found: `${tried}${cut}`,
    needed: `a key in ~/.ssh/authorized_keys of that user, or the password${offered}`,
    next: `put your public key there (ssh-copy-id -p ${place.port} …), or name identityFile or password for the host, ${AGAIN}`,
    cause,
  })
}

function hostError(
  code: string,
  message: string,
  facts: { found: string; needed: string; next: string; cause?: unknown },
): MojaboxError {
  const { cause, ...rest } = facts
  return new MojaboxError({ code, kind: 'host', message, ...rest }, { cause })
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return error.code === undefined ? undefined : String(error.code)
}

function levelOf(error: unknown): string | undefined {
  return error instanceof Error && 'level' in error ? String(error.level) : undefined
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : 'the host closed the connection'
}

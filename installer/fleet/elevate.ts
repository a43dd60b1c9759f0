import { Readable } from 'node:stream'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Connection, ExecOptions } from './connection.ts'

export interface ElevateOptions {
  /** The sudo password; called only when sudo wants one. Sent on stdin only. */
  password?: (() => Promise<string>) | undefined
  signal?: AbortSignal | undefined
}

/** How many times sudo asked is the one thing about a refusal that no language changes. */
const PROMPT = '(mojabox asks)'

/**
 * The same host with root's rights: as it is for root, else by sudo without or with a password. The password is
 * verified once, here.
 *
 * A process under sudo belongs to root: `kill` and an abort close its stdin and stdout, its end is its own affair.
 * @throws MojaboxError `host-sudo`, kind host
 */
export async function elevated(connection: Connection, options: ElevateOptions = {}): Promise<Connection> {
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const [id, uid] = await Promise.all([connection.exec(['id', '-un'], signal), connection.exec(['id', '-u'], signal)])
  if (uid.stdout.trim() === '0') return connection
  const user = id.stdout.trim()

  const free = await connection.exec(withoutPassword(['true']), signal)
  if (free.code === 0) return asRoot(connection, withoutPassword)
  if (free.code === 127) throw noSudo(connection, user)
  if (options.password === undefined) throw passwordNeeded(connection, user)

  const password = await options.password()
  await verifyPassword(connection, user, password, signal)
  return asRoot(connection, withPassword, password, user)
}

/**
 * Always the same command for sudo's rules, so that a password is wanted each time or never: were a rule to let one
 * command pass without, the password would end up in that command's stdin. With -k a cached login does not pass for a
 * right: it would be gone in the middle of an install.
 */
function underSudo(flags: readonly string[], argv: readonly string[]): string[] {
  return ['sudo', '-k', ...flags, '--', '/bin/sh', '-c', 'exec "$@"', 'sh', ...argv]
}

function withoutPassword(argv: readonly string[]): string[] {
  return underSudo(['-n'], argv)
}

function withPassword(argv: readonly string[], prompt = ''): string[] {
  return underSudo(['-S', '-p', prompt], argv)
}

function asRoot(
  connection: Connection,
  wrap: (argv: readonly string[]) => string[],
  password?: string,
  user = '',
): Connection {
  const secret = password === undefined ? undefined : `${password}\n`
  return {
    name: connection.name,
    address: connection.address,
    close: () => connection.close(),
    exec: (argv, options = {}) => connection.exec(wrap(argv), secret === undefined ? options : behind(secret, options)),
    async spawn(argv, options) {
      const process = await connection.spawn(wrap(argv), options)
      // sudo reads its line byte by byte and leaves what follows to the command.
      if (secret !== undefined) process.stream.write(secret)
      return process
    },
    interactive(argv, options) {
      if (password === undefined) return connection.interactive(wrap(argv), options)
      // On a terminal sudo asks there, echo off: over SSH it is answered, on this machine the person types it.
      const prompt = `[sudo] password for ${user}: `
      const asked = underSudo(['-p', prompt], argv)
      return connection.interactive(asked, { ...options, answer: { prompt, text: `${password}\n` } })
    },
    connect: (address, port) => connection.connect(address, port),
  }
}

function behind(secret: string, options: ExecOptions): ExecOptions {
  const { input } = options
  if (input === undefined || typeof input === 'string') return { ...options, input: secret + (input ?? '') }
  if (!(input instanceof Readable)) return { ...options, input: Buffer.concat([Buffer.from(secret), input]) }
  return { ...options, input: Readable.from(preceded(secret, input), { objectMode: false }) }
}

async function* preceded(secret: string, input: Readable): AsyncGenerator<Buffer> {
  yield Buffer.from(secret)
  yield* input
}

async function verifyPassword(
  connection: Connection,
  user: string,
  password: string,
  signal: { signal?: AbortSignal },
): Promise<void> {
  if (password.includes('\n')) throw refused(connection, user, 'a password of several lines')
  // Nothing follows on stdin: a wrong password costs one attempt, not sudo's three.
  const argv = ['env', 'LC_ALL=C', ...withPassword(['cat'], PROMPT)]
  const proof = await connection.exec(argv, { ...signal, input: `${password}\n` })
  // What cat hands back is what sudo left on stdin: nothing, or else the next command would get the password.
  if (proof.code === 0 && proof.stdout === '') return
  const prompts = proof.stderr.split(PROMPT).length - 1
  const words = lastLine(proof.stderr.replaceAll(PROMPT, ' '))
  if (prompts === 1) throw notAllowed(connection, user, words)
  throw refused(connection, user, words)
}

function noSudo(connection: Connection, user: string): MojaboxError {
  return sudoError(`${connection.address}: ${user} is not root and there is no sudo`, {
    found: `user ${user}, no sudo`,
    needed: 'root, or sudo',
    next: 'log in as root, or install sudo there, then run the same command again',
  })
}

function passwordNeeded(connection: Connection, user: string): MojaboxError {
  return sudoError(`sudo on ${connection.address} wants a password for ${user}, or gives it no rights`, {
    found: 'no passwordless sudo',
    needed: 'root’s rights',
    next: `run again with --ask-sudo-password, or write \`sudo: { password: env:NAME }\` for host ${connection.name}`,
  })
}

function refused(connection: Connection, user: string, words: string): MojaboxError {
  return sudoError(`sudo refused the password for ${user} on ${connection.address}`, {
    found: words === '' ? 'a wrong password' : words,
    needed: `the password of ${user}`,
    next: 'correct the password or its reference in the site file, then run the same command again',
  })
}

function notAllowed(connection: Connection, user: string, words: string): MojaboxError {
  return sudoError(`${user} has no right to become root on ${connection.address}`, {
    found: words === '' ? 'sudo allows it nothing' : words,
    needed: 'a sudo rule that lets it run any command as root',
    next: `add ${user} to the group sudo (Debian, Ubuntu) or wheel on that host, or log in as another user, then run again`,
  })
}

function sudoError(message: string, facts: { found: string; needed: string; next: string }): MojaboxError {
  return new MojaboxError({ code: 'host-sudo', kind: 'host', message, ...facts })
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? ''
}

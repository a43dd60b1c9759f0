import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import pLimit from 'p-limit'
import { MojaboxError } from '../../bundles/format/error.ts'
import {
  fingerprint,
  type HostKeyAlgorithm,
  hostKeyAlgorithms,
  judgeKey,
  type KnownHost,
  keyTypeOf,
  knownHostLine,
  knownHostName,
  parseKnownHosts,
} from './known-hosts.ts'
import { shellCommand } from './shell-quote.ts'

/** A key nobody vouched for yet. */
export interface UnknownKey {
  /** `10.0.0.7`, or `[10.0.0.7]:2222`. */
  host: string
  keyType: string
  /** `SHA256:…` */
  fingerprint: string
}

export interface HostKeysOptions {
  /** The site's own known_hosts; consented keys are appended to it. */
  pinPath: string
  /** Further files to believe; default the user's and the machine's. */
  knownHostsPaths?: readonly string[]
  /** Consent to an unknown key; without it every unknown key is refused. One question at a time. */
  onUnknownKey?: ((key: UnknownKey) => Promise<boolean>) | undefined
}

/** Which host keys a site trusts. One for all hosts of a run. */
export interface HostKeys {
  algorithms(address: string, port: number): HostKeyAlgorithm[]
  /**
   * Settles when the key is trusted. `asking` tells when a person is being waited for, so that no clock runs.
   * @throws MojaboxError kind host: `host-key-changed`, `host-key-revoked`, `host-key-unknown`
   */
  verify(address: string, port: number, key: Buffer, asking?: (waiting: boolean) => void): Promise<void>
}

/** Where a site pins its hosts' keys: `.mojabox/known_hosts` beside its file. */
export function pinPathOf(siteFolder: string): string {
  return join(siteFolder, '.mojabox', 'known_hosts')
}

/** Reads the known_hosts files. @throws MojaboxError `known-hosts-unusable`, kind usage */
export async function openHostKeys(options: HostKeysOptions): Promise<HostKeys> {
  const others = options.knownHostsPaths ?? [join(homedir(), '.ssh', 'known_hosts'), '/etc/ssh/ssh_known_hosts']
  const entries: KnownHost[] = []
  for (const path of [options.pinPath, ...others]) entries.push(...parseKnownHosts(await readIfThere(path), path))
  const oneAtATime = pLimit(1)

  async function askAndPin(address: string, port: number, key: Buffer, asking?: (waiting: boolean) => void) {
    // The answer to an earlier question may have covered this host already: a jump host shared by many.
    if (trusts(entries, address, port, key)) return
    const name = knownHostName(address, port)
    const unknown = { host: name, keyType: keyTypeOf(key), fingerprint: fingerprint(key) }
    if (options.onUnknownKey === undefined) throw unknownKeyError(unknown, options.pinPath)
    asking?.(true)
    const accepted = await options.onUnknownKey(unknown).finally(() => asking?.(false))
    if (!accepted) throw unknownKeyError(unknown, options.pinPath)
    await pin(options.pinPath, knownHostLine(name, key))
    entries.push({ marker: 'none', names: name, keyType: unknown.keyType, key, file: options.pinPath, line: 0 })
  }

  return {
    algorithms: (address, port) => hostKeyAlgorithms(entries, address, port),
    async verify(address, port, key, asking) {
      if (trusts(entries, address, port, key)) return
      asking?.(true)
      await oneAtATime(() => {
        asking?.(false)
        return askAndPin(address, port, key, asking)
      })
    },
  }
}

/** True when known, false when unknown. @throws MojaboxError when the key must be refused */
function trusts(entries: readonly KnownHost[], address: string, port: number, key: Buffer): boolean {
  const judged = judgeKey(entries, address, port, key)
  if (judged.verdict === 'known') return true
  if (judged.verdict === 'unknown') return false
  const name = knownHostName(address, port)
  const { entry } = judged
  const where = entry.line === 0 ? entry.file : `${entry.file} line ${entry.line}`
  const shown = `${keyTypeOf(key)} ${fingerprint(key)}`
  if (judged.verdict === 'revoked') {
    throw new MojaboxError({
      code: 'host-key-revoked',
      kind: 'host',
      message: `${name} showed a host key that is marked as revoked in ${where}`,
      found: shown,
      needed: 'a host key that is not revoked',
      next: `do not connect; give ${name} a new host key`,
    })
  }
  throw new MojaboxError({
    code: 'host-key-changed',
    kind: 'host',
    message: `the host key of ${name} has changed: the machine was set up anew, or another one answers in its place`,
    found: shown,
    needed: `${entry.keyType} ${fingerprint(entry.key)} (${where})`,
    next: `ask who runs ${name}; if its key was replaced on purpose: ${shellCommand(['ssh-keygen', '-f', entry.file, '-R', name])}`,
  })
}

function unknownKeyError(key: UnknownKey, pinPath: string): MojaboxError {
  return new MojaboxError({
    code: 'host-key-unknown',
    kind: 'host',
    message: `the host key of ${key.host} is not known and was not accepted`,
    found: `${key.keyType} ${key.fingerprint}`,
    needed: `a key in ~/.ssh/known_hosts or ${pinPath}`,
    next: 'compare the fingerprint with the host’s (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then run again with --accept-new-host-keys',
  })
}

async function pin(path: string, line: string): Promise<void> {
  const before = await readIfThere(path)
  const gap = before === '' || before.endsWith('\n') ? '' : '\n'
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await appendFile(path, `${gap}${line}\n`, { mode: 0o600 })
  } catch (error) {
    throw unusable('pinning a host key in', path, 'a place to write', error)
  }
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return ''
    throw unusable('reading', path, 'a readable known_hosts file, or none', error)
  }
}

function unusable(doing: string, path: string, needed: string, cause: unknown): MojaboxError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'an error'
  return new MojaboxError(
    {
      code: 'known-hosts-unusable',
      kind: 'usage',
      message: `${doing} ${path}: ${code}`,
      found: code,
      needed,
      next: `give yourself access to ${path}, then run the same command again`,
    },
    { cause },
  )
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** One usable line of an OpenSSH known_hosts file. */
export interface KnownHost {
  marker: 'none' | 'revoked'
  /** The line's first field: patterns by comma, or one hashed name. */
  names: string
  keyType: string
  /** The public key as SSH sends it. */
  key: Buffer
  file: string
  line: number
}

/**
 * The entries of a known_hosts text. Blank, commented and malformed lines are skipped, as OpenSSH does;
 * `@cert-authority` too: host certificates are not supported.
 */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  const entries: KnownHost[] = []
  text.split('\n').forEach((raw, index) => {
    const fields = raw.trim().split(/\s+/)
    if (fields[0] === undefined || fields[0] === '' || fields[0].startsWith('#')) return
    const mark = fields[0].startsWith('@') ? fields.shift() : undefined
    if (mark !== undefined && mark !== '@revoked') return
    const [names, keyType, encoded] = fields
    if (names === undefined || keyType === undefined || encoded === undefined) return
    const key = Buffer.from(encoded, 'base64')
    if (keyTypeOf(key) !== keyType) return
    entries.push({ marker: mark === undefined ? 'none' : 'revoked', names, keyType, key, file, line: index + 1 })
  })
  return entries
}

/** How known_hosts writes a host: bare on port 22, `[host]:port` on any other; always lower case. */
export function knownHostName(address: string, port: number): string {
  const host = address.toLowerCase()
  return port === 22 ? host : `[${host}]:${port}`
}

/** Whether an entry speaks of this name (as `knownHostName` writes it): hashed, plain, wildcards, `!` negation. */
export function matchesHost(entry: KnownHost, name: string): boolean {
  if (entry.names.startsWith('|')) return matchesHash(entry.names, name)
  let matched = false
  for (const pattern of entry.names.split(',')) {
    const negated = pattern.startsWith('!')
    if (!matchesPattern((negated ? pattern.slice(1) : pattern).toLowerCase(), name)) continue
    if (negated) return false
    matched = true
  }
  return matched
}

/** `SHA256:…`, as OpenSSH shows it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}

/** The type a public key names in its first field; empty when it is no public key. */
export function keyTypeOf(key: Buffer): string {
  if (key.length < 4) return ''
  const length = key.readUInt32BE(0)
  return length > 0 && length <= 64 && key.length > 4 + length ? key.toString('latin1', 4, 4 + length) : ''
}

/** A line for known_hosts, without the line end. */
export function knownHostLine(name: string, key: Buffer): string {
  return `${name} ${keyTypeOf(key)} ${key.toString('base64')}`
}

export type Verdict =
  | { verdict: 'known' }
  | { verdict: 'unknown' }
  | { verdict: 'changed'; entry: KnownHost }
  | { verdict: 'revoked'; entry: KnownHost }

/**
 * What the entries say about a key. A host known by other keys only is *changed*, also when those are of another type:
 * we ask for the known types first, so a host that shows another one no longer has the key that was trusted.
 */
export function judgeKey(entries: readonly KnownHost[], address: string, port: number, key: Buffer): Verdict {
  const name = knownHostName(address, port)
  const mine = entries.filter((entry) => matchesHost(entry, name))
  const bare = port === 22 ? [] : entries.filter((entry) => matchesHost(entry, knownHostName(address, 22)))

  const revoked = [...mine, ...bare].find((entry) => entry.marker === 'revoked' && entry.key.equals(key))
  if (revoked !== undefined) return { verdict: 'revoked', entry: revoked }
  // Like OpenSSH, the same key under the host's bare name is enough; another one there says nothing of this port.
  if ([...mine, ...bare].some((entry) => entry.marker === 'none' && entry.key.equals(key))) return { verdict: 'known' }

  const type = keyTypeOf(key)
  const others = mine.filter((entry) => entry.marker === 'none' && algorithmsFor(entry.keyType).length > 0)
  const changed = others.find((entry) => entry.keyType === type) ?? others[0]
  return changed === undefined ? { verdict: 'unknown' } : { verdict: 'changed', entry: changed }
}

const HOST_KEY_ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const
export type HostKeyAlgorithm = (typeof HOST_KEY_ALGORITHMS)[number]

/** What to ask the host for, best first: the types we know it by, so that a host with several keys is not taken for changed. */
export function hostKeyAlgorithms(entries: readonly KnownHost[], address: string, port: number): HostKeyAlgorithm[] {
  const name = knownHostName(address, port)
  const known = new Set(
    entries
      .filter((entry) => entry.marker === 'none' && matchesHost(entry, name))
      .flatMap((entry) => algorithmsFor(entry.keyType)),
  )
  return [
    ...HOST_KEY_ALGORITHMS.filter((one) => known.has(one)),
    ...HOST_KEY_ALGORITHMS.filter((one) => !known.has(one)),
  ]
}

/** The signature algorithms of a key type that we speak: none for types such as ssh-dss. */
function algorithmsFor(keyType: string): HostKeyAlgorithm[] {
  if (keyType === 'ssh-rsa') return ['rsa-sha2-512', 'rsa-sha2-256']
  return HOST_KEY_ALGORITHMS.filter((one) => one === keyType)
}

function matchesHash(field: string, name: string): boolean {
  const [, version, salt, hash] = field.split('|')
  if (version !== '1' || salt === undefined || hash === undefined) return false
  const expected = Buffer.from(hash, 'base64')
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest()
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

function matchesPattern(pattern: string, name: string): boolean {
  if (!/[*?]/.test(pattern)) return pattern === name
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${expression}$`).test(name)
}

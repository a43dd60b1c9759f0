import { createHmac, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  fingerprint,
  hostKeyAlgorithms,
  judgeKey,
  knownHostName,
  matchesHost,
  parseKnownHosts,
} from '../../../installer/fleet/known-hosts.ts'

/** A public key as SSH sends it: only its type matters here. */
function publicKey(type: string): Buffer {
  const field = (data: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, data.length]), data])
  return Buffer.concat([field(Buffer.from(type)), field(randomBytes(32))])
}

const ed = publicKey('ssh-ed25519')
const otherEd = publicKey('ssh-ed25519')
const rsa = publicKey('ssh-rsa')
const dsa = publicKey('ssh-dss')
const row = (names: string, key: Buffer) =>
  `${names} ${key.toString('latin1', 4, 4 + key.readUInt32BE(0))} ${key.toString('base64')}`
const parse = (...rows: string[]) => parseKnownHosts(rows.join('\n'), '/known')
const verdict = (rows: string[], key: Buffer, address = '10.0.0.7', port = 22) =>
  judgeKey(parse(...rows), address, port, key).verdict

test('reads entries with their file and line, and skips what it cannot use', () => {
  const entries = parse(
    '',
    '# comment',
    row('a', ed),
    'broken',
    'a ssh-ed25519 AAAA',
    `@cert-authority ${row('*', ed)}`,
    `@revoked ${row('b', rsa)} comment`,
  )
  expect(entries.map(({ names, marker, line, file }) => ({ names, marker, line, file }))).toEqual([
    { names: 'a', marker: 'none', line: 3, file: '/known' },
    { names: 'b', marker: 'revoked', line: 7, file: '/known' },
  ])
})

test('reads files with Windows line ends', () => {
  expect(parseKnownHosts(`${row('a', ed)}\r\n${row('b', ed)}\r\n`, 'f').map((entry) => entry.names)).toEqual(['a', 'b'])
})

test('writes a host as OpenSSH does: bare on port 22, in brackets on others, in lower case', () => {
  expect(knownHostName('Node1.Site', 22)).toBe('node1.site')
  expect(knownHostName('10.0.0.7', 2222)).toBe('[10.0.0.7]:2222')
  expect(knownHostName('FD00::7', 22)).toBe('fd00::7')
})

test('matches plain names, lists, wildcards and negation', () => {
  const matches = (names: string, name: string) => parse(row(names, ed)).some((entry) => matchesHost(entry, name))
  expect(matches('a,10.0.0.7', '10.0.0.7')).toBe(true)
  expect(matches('10.0.0.?', '10.0.0.7')).toBe(true)
  expect(matches('10.0.0.?', '10.0.0.77')).toBe(false)
  expect(matches('10.0.0.7', '10x0x0x7')).toBe(false)
  expect(matches('10.*', '10.0.0.7')).toBe(true)
  expect(matches('10.*,!10.0.0.7', '10.0.0.7')).toBe(false)
  expect(matches('!10.0.0.7', '10.0.0.8')).toBe(false)
  expect(matches('[10.0.0.*]:2222', '[10.0.0.7]:2222')).toBe(true)
  expect(matches('NODE', 'node')).toBe(true)
})

test('matches hashed names', () => {
  const salt = randomBytes(20)
  const hash = createHmac('sha1', salt).update('[10.0.0.7]:2222').digest('base64')
  const hashed = row(`|1|${salt.toString('base64')}|${hash}`, ed)
  expect(verdict([hashed], ed, '10.0.0.7', 2222)).toBe('known')
  expect(verdict([hashed], ed, '10.0.0.8', 2222)).toBe('unknown')
  expect(verdict([row('|2|xx|yy', ed)], ed)).toBe('unknown')
})

test('tells known, unknown, changed and revoked keys apart', () => {
  expect(verdict([row('10.0.0.7', ed)], ed)).toBe('known')
  expect(verdict([row('10.0.0.8', ed)], ed)).toBe('unknown')
  expect(verdict([row('10.0.0.7', otherEd)], ed)).toBe('changed')
  expect(verdict([row('10.0.0.7', ed), `@revoked ${row('*', ed)}`], ed)).toBe('revoked')
})

test('takes any one of several keys of a host', () => {
  expect(verdict([row('10.0.0.7', otherEd), row('10.0.0.7', rsa), row('10.0.0.7', ed)], ed)).toBe('known')
})

test('takes a key of another type than the known ones for changed, not for new', () => {
  const judged = judgeKey(parse(row('10.0.0.7', rsa)), '10.0.0.7', 22, ed)
  expect(judged).toMatchObject({ verdict: 'changed', entry: { keyType: 'ssh-rsa' } })
})

test('names the known key of the same type when a key changed', () => {
  const judged = judgeKey(parse(row('10.0.0.7', rsa), row('10.0.0.7', otherEd)), '10.0.0.7', 22, ed)
  expect(judged).toMatchObject({ verdict: 'changed', entry: { keyType: 'ssh-ed25519', line: 2 } })
})

test('a key of a type nobody speaks any more does not make a host changed', () => {
  expect(verdict([row('10.0.0.7', dsa)], ed)).toBe('unknown')
})

test('the same key under the bare name is enough for another port; another key there says nothing', () => {
  expect(verdict([row('10.0.0.7', ed)], ed, '10.0.0.7', 2222)).toBe('known')
  expect(verdict([row('10.0.0.7', otherEd)], ed, '10.0.0.7', 2222)).toBe('unknown')
})

test('asks for the known types of key first and for the others after them', () => {
  const algorithms = hostKeyAlgorithms(parse(row('10.0.0.7', rsa)), '10.0.0.7', 22)
  expect(algorithms.slice(0, 3)).toEqual(['rsa-sha2-512', 'rsa-sha2-256', 'ssh-ed25519'])
  expect(new Set(algorithms).size).toBe(6)
  expect(hostKeyAlgorithms([], '10.0.0.7', 22)[0]).toBe('ssh-ed25519')
})

test('shows fingerprints as ssh-keygen does', () => {
  const key = Buffer.from('AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl', 'base64')
  expect(fingerprint(key)).toBe('SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU')
})

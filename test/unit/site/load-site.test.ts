import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type ErrorFacts, factsOf } from '../../../bundles/format/error.ts'
import { loadSite, parseSite } from '../../../installer/site/load-site.ts'

const folder = mkdtempSync(join(tmpdir(), 'mojabox-site-'))
afterAll(() => rmSync(folder, { recursive: true }))

const head = `version: 1
site: harare
deployment: core-test-harness
profile: central-ledger
bundle: mojabox.tar
`
const minimal = `${head}hosts:
  - name: n1
    address: 10.0.0.7
    user: ops
`
function refusal(text: string): ErrorFacts {
  try {
    parseSite(text, 'mojabox.yaml')
  } catch (error) {
    return factsOf(error)
  }
  throw new Error('it was accepted')
}

test('a minimal file gets its defaults', () => {
  expect(parseSite(minimal, 'f')).toEqual({
    version: 1,
    site: 'harare',
    deployment: 'core-test-harness',
    profile: 'central-ledger',
    bundle: 'mojabox.tar',
    hosts: [{ name: 'n1', address: '10.0.0.7', port: 22, user: 'ops' }],
    settings: {
      ports: {},
      currency: 'USD',
      environment: {},
      services: {},
      keepBlobs: false,
      validateEverySeconds: 300,
    },
    trust: [],
    allowUnsigned: false,
    composeOverrides: [],
    skipChecks: [],
    parallel: 8,
    seeding: true,
  })
})

test('paths start at the file’s folder, ~ at home', async () => {
  const path = join(folder, 'mojabox.yaml')
  writeFileSync(
    path,
    `${minimal}    identityFile: ~/keys/id
    passphrase: file:secret/passphrase
    sudo: { password: file:/etc/sudo-password }
    jump: { address: gate, user: me, identityFile: gate-key }
`,
  )
  const loaded = await loadSite(path, '/home/me')
  expect(loaded).toMatchObject({ path, folder })
  expect(loaded.site.bundle).toBe(join(folder, 'mojabox.tar'))
  expect(loaded.site.hosts[0]).toMatchObject({
    identityFile: '/home/me/keys/id',
    passphrase: `file:${folder}/secret/passphrase`,
    sudo: { password: 'file:/etc/sudo-password' },
    jump: { identityFile: join(folder, 'gate-key'), port: 22 },
  })
})

test('the base of a delta is a path like the bundle’s', async () => {
  const path = join(folder, 'delta.yaml')
  writeFileSync(path, `${minimal}base: old.tar\n`)
  expect((await loadSite(path)).site.base).toBe(join(folder, 'old.tar'))
})

test('a missing file is a usage error that says how to get one', async () => {
  const facts = await loadSite(join(folder, 'none.yaml')).catch(factsOf)
  expect(facts).toMatchObject({ code: 'site-missing', kind: 'usage', found: 'no such file' })
})

test('an unknown key is told with its place and the nearest key', () => {
  const facts = refusal(`${minimal}    identityfile: x\n`)
  expect(facts.kind).toBe('usage')
  expect(facts.message).toMatch(/^mojabox.yaml:10:5: unknown key `identityfile` in `hosts\[0\]`/)
  expect(facts.needed).toContain('did you mean `identityFile`?')
  expect(facts.next).toContain('mojabox.yaml line 10')
})

test('a wrong value is told with its place, what it is and what is allowed', () => {
  expect(refusal(minimal.replace('core-test-harness', 'minilop')).message).toBe(
    'mojabox.yaml:3:1: `deployment`: found "minilop", needed core-test-harness',
  )
  expect(refusal(`${minimal}    port: 99999\n`).message).toBe(
    'mojabox.yaml:10:5: `hosts[0].port`: found 99999, needed at most 65535',
  )
  expect(refusal(`${minimal}    port: "22"\n`).message).toContain('found "22", needed a number')
  expect(refusal(`${minimal}settings: { currency: usd }\n`).message).toMatch(
    /^mojabox.yaml:10:13: `settings.currency`: found "usd"/,
  )
  expect(refusal(`${minimal}settings: { ports: { kafka: 0 } }\n`).message).toMatch(
    /`settings.ports.kafka`: found 0, needed at least 1/,
  )
})

test('a missing key is told at the map that lacks it', () => {
  expect(refusal(minimal.replace('profile: central-ledger\n', '')).message).toBe(
    'mojabox.yaml:1:1: `profile`: found nothing, needed text',
  )
  expect(refusal(minimal.replace('    user: ops\n', '')).message).toMatch(
    /^mojabox.yaml:7:5: `hosts\[0\].user`: found nothing, needed the user to log in as/,
  )
})

test('every problem is told at once', () => {
  const facts = refusal(`${minimal}    prot: 22\nparalel: 3\n`)
  expect(facts.message).toContain('2 problems')
  expect(facts.message).toContain('mojabox.yaml:10:5: unknown key `prot`')
  expect(facts.message).toContain('did you mean `parallel`?')
})

test('a literal secret is refused and not quoted', () => {
  for (const line of [
    'password: hunter2',
    'passphrase: hunter2',
    'sudo: { password: hunter2 }',
    'password: { x: hunter2 }',
  ]) {
    const facts = refusal(`${minimal}    ${line}\n`)
    expect(facts.message).toMatch(/never written in this file|needed text/)
    expect(JSON.stringify(facts)).not.toContain('hunter2')
  }
})

test('a file that is no YAML is told with its place and not quoted', () => {
  for (const text of [
    `${minimal}    password: "hunter2\n`,
    `${minimal}  hunter2: [\n`,
    `${minimal}\tpassword: hunter2\n`,
  ]) {
    const facts = refusal(text)
    expect(facts.message).toMatch(/mojabox.yaml:\d+:\d+: not YAML/)
    expect(JSON.stringify(facts)).not.toContain('hunter2')
  }
})

test('a key written twice is refused', () => {
  expect(refusal(`${minimal}site: other\n`).message).toMatch(/mojabox.yaml:10:1: not YAML: found duplicate key/)
})

test('an empty file and a list are told what a site file is', () => {
  expect(refusal('').needed).toContain('a map of version, site')
  expect(refusal('- a\n').message).toMatch(/^mojabox.yaml:1:1: `the file`: found a list/)
})

test('one machine listed twice is refused, by name and by address', () => {
  const more = (name: string, address: string, port = 22) =>
    `  - { name: ${name}, address: ${address}, port: ${port}, user: ops }\n`
  expect(refusal(minimal + more('N1', '10.0.0.8')).message).toMatch(
    /mojabox.yaml:10:7: `hosts\[1\].name`: found "N1", needed a name of its own: hosts\[0\] has it too/,
  )
  expect(refusal(minimal + more('n2', '10.0.0.7')).message).toContain('host `n1` has it too')
  expect(parseSite(minimal + more('n2', '10.0.0.7', 2222), 'f').hosts).toHaveLength(2)
})

test('the same address behind different jump hosts is two machines', () => {
  const behind = (name: string, gate: string) =>
    `  - { name: ${name}, address: 192.168.0.2, user: ops, jump: { address: ${gate}, user: ops } }\n`
  expect(parseSite(`${head}hosts:\n${behind('a', 'g1')}${behind('b', 'g2')}`, 'f').hosts).toHaveLength(2)
  expect(refusal(`${head}hosts:\n${behind('a', 'g1')}${behind('b', 'g1')}`).message).toContain('an address of its own')
})

test('local needs no user and takes nothing of SSH', () => {
  expect(parseSite(`${head}hosts: [{ name: here, address: local }]\n`, 'f').hosts[0]).toMatchObject({
    address: 'local',
  })
  expect(refusal(`${head}hosts: [{ name: here, address: local, user: ops }]\n`).message).toContain('takes no user')
})

test('an address with a user or a port in it is refused', () => {
  expect(refusal(minimal.replace('10.0.0.7', 'ops@10.0.0.7')).message).toContain('a host name or an IP address')
})

test('aliases cannot blow up the file', () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefgh'
      .split('')
      .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(',')}]`),
  ].join('\n')
  expect(refusal(bomb).code).toBe('site-invalid')
})

import { expect, test } from 'vitest'
import { factsOf } from '../../../bundles/format/error.ts'
import { type SiteFlags, siteFromFlags } from '../../../installer/site/site-from-flags.ts'

const site = (flags: Partial<SiteFlags>) =>
  siteFromFlags({ hosts: ['local'], bundle: 'b.tar', ...flags }, { user: 'me', folder: '/site' })
const refusal = (flags: Partial<SiteFlags>) => {
  try {
    site(flags)
  } catch (error) {
    return factsOf(error)
  }
  throw new Error('it was accepted')
}

test('local alone is a site', () => {
  expect(site({})).toMatchObject({
    site: 'site',
    bundle: '/site/b.tar',
    hosts: [{ name: 'local', address: 'local' }],
    parallel: 8,
  })
})

test('a delta may have its base', () => {
  expect(site({ base: 'old.tar' }).base).toBe('/site/old.tar')
  expect(site({})).not.toHaveProperty('base')
})

test('a host may have a name, a user, a port, or none of them', () => {
  const hosts = site({
    hosts: ['10.0.0.7', 'ops@10.0.0.8:2222', 'n3=root@node3', 'ops@[fd00::7]:2200', 'fd00::8'],
  }).hosts
  expect(hosts.map(({ name, user, address, port }) => [name, user, address, port])).toEqual([
    ['10.0.0.7', 'me', '10.0.0.7', 22],
    ['10.0.0.8', 'ops', '10.0.0.8', 2222],
    ['n3', 'root', 'node3', 22],
    ['fd00--7', 'ops', 'fd00::7', 2200],
    ['fd00--8', 'me', 'fd00::8', 22],
  ])
})

test('hosts that share an address are named by their ports', () => {
  expect(site({ hosts: ['ops@127.0.0.1:2222', 'ops@127.0.0.1:2200'] }).hosts.map((host) => host.name)).toEqual([
    '127.0.0.1-2222',
    '127.0.0.1-2200',
  ])
})

test('what is said once holds for every host over SSH', () => {
  const { hosts } = site({
    hosts: ['local', 'ops@a', 'ops@b'],
    identity: 'id',
    passphrase: 'env:P',
    password: 'file:pw',
    jump: 'gate@g:2022',
    askSudoPassword: true,
  })
  expect(hosts[0]).toEqual({ name: 'local', address: 'local', port: 22, sudo: { password: 'ask' } })
  expect(hosts[2]).toMatchObject({
    identityFile: '/site/id',
    passphrase: 'env:P',
    password: 'file:/site/pw',
    sudo: { password: 'ask' },
    jump: { address: 'g', port: 2022, user: 'gate', identityFile: '/site/id' },
  })
})

test('what is no host is refused with examples', () => {
  for (const text of ['', 'ops@', 'a b', 'ops@host:port', 'ssh://host']) {
    expect(refusal({ hosts: [text] })).toMatchObject({ code: 'flags-invalid', kind: 'usage' })
  }
})

test('the same machine twice, no host and a literal secret are refused', () => {
  expect(refusal({ hosts: ['ops@a', 'root@a'] }).message).toContain('a name of its own')
  expect(refusal({ hosts: [] }).message).toContain('at least one host')
  const facts = refusal({ hosts: ['ops@a'], password: 'hunter2' })
  expect(facts.message).toContain('env:NAME')
  expect(JSON.stringify(facts)).not.toContain('hunter2')
})

import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { factsOf } from '../../../bundles/format/error.ts'
import { parseProbe, probe } from '../../../installer/fleet/probe.ts'
import { fakeConnection } from './fake-connection.ts'

const said = `Welcome to n1=the first
architecture=x86_64
osId=debian
osVersion=12
osName=Debian GNU/Linux 12 (bookworm)
uid=0
home=/root
systemd=yes
sha256=abc
freeKiB=1000
end=yes
`

test('reads what the script says and passes over a banner', () => {
  expect(parseProbe(said, 'abc')).toEqual({
    architecture: 'x86_64',
    osId: 'debian',
    osVersion: '12',
    osName: 'Debian GNU/Linux 12 (bookworm)',
    uid: 0,
    home: '/root',
    systemd: true,
    executable: 'same',
    freeBytes: 1_024_000,
  })
})

test('tells another executable and none apart', () => {
  expect(parseProbe(said, 'def')?.executable).toBe('other')
  expect(parseProbe(said.replace('sha256=abc\n', ''), 'abc')?.executable).toBe('missing')
})

test('an answer without its end is no answer', () => {
  expect(parseProbe(said.replace('end=yes\n', ''), 'abc')).toBeUndefined()
  expect(parseProbe('', 'abc')).toBeUndefined()
})

test('an unknown Linux still has its architecture', () => {
  expect(parseProbe('architecture=riscv64\nuid=1000\nend=yes\n', 'abc')).toMatchObject({
    osId: '',
    systemd: false,
    freeBytes: 0,
    uid: 1000,
  })
})

for (const shell of ['sh', 'bash --posix', 'busybox sh']) {
  const [command = '', ...flags] = shell.split(' ')
  const there = (() => {
    try {
      execFileSync(command, [...flags, '-c', 'true'])
      return true
    } catch {
      return false
    }
  })()
  test.skipIf(!there)(`the script tells of this machine under ${shell}`, async () => {
    const connection = fakeConnection(({ argv }) => ({
      stdout: execFileSync(command, [...flags, ...argv.slice(1)], { encoding: 'utf8' }),
    }))
    const found = await probe(connection, { path: '/nowhere/at all/mojabox', sha256: 'x' })
    expect(found).toMatchObject({
      architecture: execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim(),
      executable: 'missing',
      uid: process.getuid?.(),
    })
    expect(found.freeBytes).toBeGreaterThan(0)
    const sum = execFileSync('sha256sum', ['/bin/sh'], { encoding: 'utf8' }).split(' ')[0] ?? ''
    expect((await probe(connection, { path: '/bin/sh', sha256: sum })).executable).toBe('same')
  })
}

test('a host that is no Linux is told with what it answered', async () => {
  const facts = await probe(
    fakeConnection(() => ({ code: 1, stderr: 'This account is restricted.' })),
    { path: '/x', sha256: '' },
  ).catch(factsOf)
  expect(facts).toMatchObject({ code: 'host-probe', kind: 'host', found: 'exit code 1: This account is restricted.' })
})

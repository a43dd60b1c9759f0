/**
 * What an operator, a copy to a stick or a host can get wrong: each is told in one message, with what was found, what
 * is needed and what to do, with the documented exit code, before anything on the host has changed.
 */
import { copyFile, open, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signaturePath } from '../../bundles/format/signature.ts'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import { run } from '../lab/process.ts'
import { diffSnapshots, snapshotHost } from '../lab/snapshot.ts'
import { waitFor } from '../lab/wait.ts'
import { packageFiles, positionOf } from './support/bundle-content.ts'
import { bundle, Desk } from './support/desk.ts'
import { EXIT, errorOf, expectDone, expectNoInsides, expectRefused } from './support/expectations.ts'
import { buildForeignBundle } from './support/foreign-bundle.ts'

const GiB = 1024 ** 3

describe('bad input', () => {
  let desk: Desk
  beforeAll(async () => {
    desk = await Desk.open()
  })
  afterAll(() => desk?.close())

  describe('a command line or a site file that cannot be meant', () => {
    const nowhere = { name: 'nowhere', ip: '10.77.0.250', pid: 0 }
    const refusals: [string, string[], RegExp][] = [
      ['no site and no host', [], /mojabox\.yaml[\s\S]*--host/],
      ['a site file that is not there', ['-f', 'other.yaml'], /other\.yaml/],
      ['a host that is none', ['--host', 'ops@'], /ops@/],
      ['both a site file and a host', ['-f', 'mojabox.yaml', '--host', 'ops@10.0.0.7'], /exclude each other/],
    ]
    test.each(refusals)('%s', async (_, args, words) => {
      expect(expectRefused(await desk.run(['install', ...args]), EXIT.usage)).toMatch(words)
    })

    test('a flag or a command that does not exist, with the one that was meant', async () => {
      for (const [args, meant] of [
        [['install', '--bundel', 'x'], '--bundle'],
        [['instal'], 'install'],
      ] as const) {
        const ended = await desk.run(args)
        expect(ended.code).toBe(EXIT.usage)
        expect(ended.stderr).toContain(meant)
        expectNoInsides(ended)
      }
    })

    test('a level of validation that does not exist', async () => {
      const ended = await desk.run(['validate', '--level', 'ledgers', ...desk.flags(nowhere)])
      expect(expectRefused(ended, EXIT.usage)).toMatch(/ledgers[\s\S]*services, ledger, transfer/)
      expect(ended.seconds).toBeLessThan(5)
    })

    test('a check to skip that does not exist, with the one that was meant', async () => {
      const ended = await desk.run(['check', '--skip-check', 'memmory', ...desk.flags(nowhere)])
      expect(expectRefused(ended, EXIT.usage)).toMatch(/memmory[\s\S]*did you mean --skip-check memory/)
      expect(ended.seconds).toBeLessThan(5)
    })

    test('every mistake in a site file at once, each with line and column', async () => {
      const path = join(desk.folder, 'wrong.yaml')
      await writeFile(path, WRONG_SITE)
      const message = expectRefused(await desk.run(['install', '-f', 'wrong.yaml']), EXIT.usage)
      expect(message).toMatch(/wrong\.yaml:3:1: .*`deploymnt`.*did you mean `deployment`/)
      expect(message).toMatch(/wrong\.yaml:9:5: .*`usr`.*did you mean `user`/)
      expect(message).toMatch(/wrong\.yaml:10:5: .*not shown/)
      expect(message).toMatch(/wrong\.yaml:12:12: .*found 99999, needed at most 65535/)
      expect(message).toMatch(/wrong\.yaml:13:1: .*found "many", needed a/)
      expect(message).not.toContain('hunter2')
    })

    test('a site file that is no YAML', async () => {
      await writeFile(join(desk.folder, 'torn.yaml'), 'version: 1\nhosts: [\n  - name: n1\n')
      expect(expectRefused(await desk.run(['check', '-f', 'torn.yaml']), EXIT.usage)).toMatch(/torn\.yaml:\d+:\d+/)
    })
  })

  describe('a bundle that nobody trusted signed', () => {
    const nowhere = { name: 'nowhere', ip: '10.77.0.250', pid: 0 }
    const install = (...more: string[]) => desk.run(['install', ...desk.flags(nowhere), ...more])
    beforeAll(async () => {
      for (const name of ['known', 'stranger']) await desk.run(['bundle', 'keygen', name])
      await symlink(bundle, join(desk.folder, 'unsigned.tar'))
      await symlink(bundle, join(desk.folder, 'strange.tar'))
      expectDone(await desk.run(['bundle', 'sign', 'strange.tar', '--key', 'stranger']))
    })

    test('is refused before any host is reached, with who signed and who should have', async () => {
      const trust = ['--trust', 'known.pub']
      const unsigned = await install('--bundle', 'unsigned.tar', ...trust)
      expect(expectRefused(unsigned, EXIT.bundle)).toMatch(/not signed[\s\S]*needed: +a signature by [0-9a-f]{16}/)
      const strange = await install('--bundle', 'strange.tar', ...trust)
      expect(expectRefused(strange, EXIT.bundle)).toMatch(/signed by [0-9a-f]{16}[\s\S]*a signature by [0-9a-f]{16}/)
      expect(expectRefused(await install('--trust', 'gone.pub'), EXIT.usage)).toMatch(/gone\.pub[\s\S]*no such file/)
    })

    test('is refused too where no key is named: nobody is trusted by default', async () => {
      const bare = (path: string) => desk.run(['check', '--host', `ops@${nowhere.ip}`, '--bundle', path])
      expect(expectRefused(await bare('unsigned.tar'), EXIT.bundle)).toMatch(/not signed[\s\S]*--allow-unsigned/)
      expect(expectRefused(await bare('strange.tar'), EXIT.bundle)).toMatch(/signed by [0-9a-f]{16}[\s\S]*--trust FILE/)
    })

    test('goes on where the person says so', async () => {
      const ended = await install('--bundle', 'unsigned.tar', '--trust', 'known.pub', '--allow-unsigned')
      expectRefused(ended, EXIT.host)
    })
  })

  describe('a bundle that is not as it was built', () => {
    let host: LabNode
    let damaged: string
    beforeAll(async () => {
      host = await desk.host('unharmed')
      damaged = join(desk.folder, 'damaged.tar')
      await copyFile(signaturePath(bundle), signaturePath(damaged))
    })

    const flags = (path: string) => desk.flags(host).map((flag) => (flag === bundle ? path : flag))
    const refused = async (path: string) => {
      const ended = await desk.run(['install', ...flags(path)])
      // It is refused at the desk: no host was asked for anything.
      expect(ended.events).toEqual([])
      return expectRefused(ended, EXIT.bundle)
    }

    test('there is none', async () => {
      expect(await refused('none.tar')).toContain('none.tar')
    })

    test('it is something else', async () => {
      await writeFile(damaged, 'a letter home\n'.repeat(1000))
      expect(await refused(damaged)).toContain('damaged.tar')
    })

    test('it was cut short by a copy', async () => {
      await copyFile(bundle, damaged)
      await truncate(damaged, Math.floor((await stat(damaged)).size / 2))
      expect(await refused(damaged)).toMatch(/cut|short|truncated|ends/)
    })

    test('one byte of it is another', async () => {
      await copyFile(bundle, damaged)
      await flipByte(damaged, Math.floor((await stat(damaged)).size / 2))
      expect(await refused(damaged)).toMatch(/damaged\n {2}found: .*sha256:[\s\S]*needed: +sha256:/)
    })

    test('it changed after it was checked, under the same time and size: the host itself finds out', async () => {
      const before = await snapshotHost(host.name)
      await copyFile(bundle, damaged)
      expectDone(await desk.run(['check', ...flags(damaged)]))
      const [docker] = (await packageFiles('debian-13')).filter(({ name }) => name.startsWith('docker.io_'))
      if (docker === undefined) throw new Error('the bundle has no package docker.io')
      await run(['touch', '--reference', damaged, join(desk.folder, 'time')])
      await flipByte(damaged, (await positionOf(docker)) + 1_000)
      await run(['touch', '--reference', join(desk.folder, 'time'), damaged])
      expect(expectRefused(await desk.run(['install', ...flags(damaged)]), EXIT.bundle)).toContain('arrived damaged')
      expectDone(await desk.run(['uninstall', ...flags(damaged)]))
      expect(diffSnapshots(before, await snapshotHost(host.name))).toEqual([])
    })
  })

  describe('a host that cannot carry the hub', () => {
    let host: LabNode
    beforeAll(async () => {
      host = await desk.host('unfit')
    })

    /** Expects the install to be refused, and to leave nothing behind. */
    const refused = async (node: LabNode, code: number, ...more: string[]) => {
      const before = await snapshotHost(node.name)
      const ended = await desk.run(['install', ...desk.flags(node), ...more])
      const message = expectRefused(ended, code)
      expect(diffSnapshots(before, await snapshotHost(node.name))).toEqual([])
      return { ended, message }
    }

    test('a port that the hub needs is taken, and by whom', async () => {
      await nodeExec(host.name, [
        'systemd-run',
        '--quiet',
        '--unit=own-web',
        'perl',
        '-MIO::Socket::INET',
        '-e',
        LISTEN,
      ])
      const listens = async () => (await nodeExec(host.name, ['ss', '-ltn'])).stdout.includes(':3001 ')
      await waitFor('somebody to listen on port 3001', listens, { timeoutMs: 10_000 })
      const { message } = await refused(host, EXIT.check)
      expect(message).toMatch(/3001 \(central-ledger\) is held by perl \(process \d+\)/)
      expect(message).toContain('ports:')
      await nodeExec(host.name, ['systemctl', 'stop', 'own-web'])
    })

    test('its profile is one that the bundle does not have', async () => {
      const { message } = await refused(host, EXIT.usage, '--profile', 'centrl-ledger')
      expect(message).toMatch(/centrl-ledger[\s\S]*central-ledger/)
    })

    test('its processor is another than the bundle’s', async () => {
      const path = await buildForeignBundle(desk)
      const { message } = await refused(host, EXIT.check, '--bundle', path)
      expect(message).toMatch(/amd64[\s\S]*arm64/)
    })

    test('its system is one that the bundle has no packages for', async () => {
      await nodeExec(host.name, ['sh', '-c', 'cat > /etc/os-release'], { input: OTHER_SYSTEM })
      const { message } = await refused(host, EXIT.check)
      expect(message).toMatch(/Example Linux 7[\s\S]*debian-12, debian-13/)
    })

    test('it has too little memory', async () => {
      const small = await desk.host('small', { memoryBytes: GiB })
      const { ended, message } = await refused(small, EXIT.check)
      expect(message).toMatch(/found: .*a limit allows 1\.0 GiB[\s\S]*needed: +1\.7 GiB or more/)
      expect(errorOf(ended).code).toBe('check-failed')
    })

    test('it has too little disk', async () => {
      const full = await desk.host('full', { diskBytes: 600_000_000 })
      const { message } = await refused(full, EXIT.check)
      expect(message).toMatch(
        /found: .*MB free on \/var\/lib\/docker[\s\S]*needed: .* GB.*images[\s\S]*next: .*free [\d.]+ GB/,
      )
    })
  })
})

const WRONG_SITE = `version: 1
site: lab
deploymnt: core-test-harness
profile: central-ledger
bundle: x.tar
hosts:
  - name: n1
    address: 10.77.0.250
    usr: ops
    password: hunter2
settings:
  ports: { kafka: 99999 }
parallel: many
`

const LISTEN =
  '@kept = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => 3001) or die; sleep 600'

const OTHER_SYSTEM = `PRETTY_NAME="Example Linux 7"
NAME="Example Linux"
VERSION_ID="7"
ID=example
`

async function flipByte(path: string, position: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, position)
    byte.writeUInt8(byte.readUInt8(0) ^ 0x40)
    await file.write(byte, 0, 1, position)
  } finally {
    await file.close()
  }
}

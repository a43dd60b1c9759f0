import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Connection } from '../../../installer/fleet/connection.ts'
import { elevated } from '../../../installer/fleet/elevate.ts'
import { reachHost } from '../../../installer/fleet/reach-host.ts'
import { connectSsh } from '../../../installer/fleet/ssh-connection.ts'
import { deskOptions, failure, target } from './desk.ts'
import { makeKey, type Sshd, scratchFolder, startSshd, USERS, whyNoSshd } from './sshd.ts'

const why = whyNoSshd()

describe.skipIf(why !== undefined)(`root’s rights ${why ?? ''}`, () => {
  let folder: string
  let sshd: Sshd
  const open: Connection[] = []

  beforeAll(async () => {
    folder = await scratchFolder()
    const authorized = [makeKey(`${folder}/id`, 'ed25519')]
    makeKey(`${folder}/host`, 'ed25519')
    sshd = await startSshd({ folder, authorized, hostKeys: [`${folder}/host`] })
  })

  afterAll(async () => {
    await Promise.all(open.map((connection) => connection.close()))
    await sshd?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function login(user: string): Promise<Connection> {
    const connection = await connectSsh(
      target(sshd.port, user, { identityFile: `${folder}/id` }),
      await deskOptions(folder),
    )
    open.push(connection)
    return connection
  }
  const right = async () => sshd.password
  const mustNotAsk = async (): Promise<string> => {
    throw new Error('asked for a password that nobody needs')
  }

  test('root stays as it is', async () => {
    const connection = await login('root')
    expect(await elevated(connection, { password: mustNotAsk })).toBe(connection)
  })

  test('passwordless sudo is used without asking', async () => {
    const root = await elevated(await login(USERS.free), { password: mustNotAsk })
    expect(await root.exec(['sh', '-c', 'id -u; cat'], { input: 'in' })).toMatchObject({ code: 0, stdout: '0\nin' })
  })

  for (const user of [USERS.password, USERS.pty, USERS.mixed]) {
    test(`sudo with a password gives ${user} stdin untouched, text, bytes and streams alike`, async () => {
      const root = await elevated(await login(user), { password: right })
      expect((await root.exec(['id', '-u'])).stdout).toBe('0\n')
      expect((await root.exec(['cat'])).stdout).toBe('')
      expect((await root.exec(['cat'], { input: 'line 1\nline 2' })).stdout).toBe('line 1\nline 2')
      const bytes = randomBytes(300_000)
      const sum = createHash('sha256').update(bytes).digest('hex')
      expect((await root.exec(['sha256sum'], { input: bytes })).stdout).toContain(sum)
      expect((await root.exec(['sha256sum'], { input: Readable.from([bytes]) })).stdout).toContain(sum)
      const process = await root.spawn(['sha256sum'])
      process.stream.end(bytes)
      expect((await process.stream.toArray()).join('')).toContain(sum)
      expect(await process.exited).toBe(0)
    })
  }

  test('exit codes and arguments pass through sudo unchanged', async () => {
    const root = await elevated(await login(USERS.password), { password: right })
    const odd = ['a b', "it's", '$HOME', '"', '\\', '', '*', '--', 'ü\n2']
    const result = await root.exec(['sh', '-c', 'for word; do printf "<%s>" "$word"; done; exit 42', 'sh', ...odd])
    expect(result).toMatchObject({ code: 42, stdout: odd.map((word) => `<${word}>`).join('') })
  })

  test('a wrong password is refused by one attempt and not quoted', async () => {
    const connection = await login(USERS.password)
    const facts = await failure(elevated(connection, { password: async () => 'hunter2' }))
    expect(facts).toMatchObject({ code: 'host-sudo', kind: 'host' })
    expect(facts.message).toContain(`sudo refused the password for ${USERS.password}`)
    expect(facts.found).toBe('sudo: 1 incorrect password attempt')
    expect(JSON.stringify(facts)).not.toContain('hunter2')
  })

  test('a user without sudo rights gets a message of its own', async () => {
    const facts = await failure(elevated(await login(USERS.none), { password: right }))
    expect(facts).toMatchObject({ code: 'host-sudo', message: expect.stringContaining('has no right to become root') })
  })

  test('without a password to give, the flag and the site’s key are named', async () => {
    const facts = await failure(elevated(await login(USERS.password)))
    expect(facts).toMatchObject({ code: 'host-sudo', next: expect.stringContaining('--ask-sudo-password') })
  })

  test('the password is in no process list and in no environment', async () => {
    const root = await elevated(await login(USERS.password), { password: right })
    const look = 'for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do tr "\\0" "\\n" < "$file"; done 2>/dev/null'
    const { stdout } = await root.exec(['sh', '-c', look])
    expect(stdout).toContain('sudo')
    expect(stdout).not.toContain(sshd.password)
  })

  test('a site’s host is reached as root with the references it names', async () => {
    const options = await deskOptions(folder, { sources: { env: { SUDO: sshd.password } } })
    const host = {
      name: 'n1',
      address: '127.0.0.1',
      port: sshd.port,
      user: USERS.pty,
      identityFile: `${folder}/id`,
      sudo: { password: 'env:SUDO' },
    }
    const root = await reachHost(host, options)
    open.push(root)
    expect(root.name).toBe('n1')
    expect((await root.exec(['id', '-u'])).stdout).toBe('0\n')
  })

  test('a sudo password is asked for once, however many hosts want it', async () => {
    let asked = 0
    const ask = async () => {
      asked += 1
      return sshd.password
    }
    const options = await deskOptions(folder, { sources: { ask } })
    const host = {
      name: 'n1',
      address: '127.0.0.1',
      port: sshd.port,
      user: USERS.password,
      identityFile: `${folder}/id`,
    }
    open.push(...(await Promise.all([reachHost(host, options), reachHost(host, options), reachHost(host, options)])))
    expect(asked).toBe(1)
  })

  test('a refused elevation leaves no connection behind', async () => {
    const options = await deskOptions(folder)
    const host = { name: 'n1', address: '127.0.0.1', port: sshd.port, user: USERS.none, identityFile: `${folder}/id` }
    await failure(reachHost(host, options))
    const processes = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)
    const remote = `0100007F:${sshd.port.toString(16).toUpperCase().padStart(4, '0')}`
    const mine = processes.filter((row) => row.trim().split(/\s+/)[2] === remote && row.trim().split(/\s+/)[3] === '01')
    expect(mine.length).toBe(open.length)
  })
})

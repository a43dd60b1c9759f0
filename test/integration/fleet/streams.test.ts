import { createHash, randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Connection, RemoteProcess } from '../../../installer/fleet/connection.ts'
import { eachHost, outcomeError } from '../../../installer/fleet/each-host.ts'
import { elevated } from '../../../installer/fleet/elevate.ts'
import { connectLocal } from '../../../installer/fleet/local-connection.ts'
import { connectSsh } from '../../../installer/fleet/ssh-connection.ts'
import { deskOptions, failure, target } from './desk.ts'
import { startProxy, type TcpProxy } from './proxy.ts'
import { freePort, makeKey, type Sshd, scratchFolder, startSshd, USERS, whyNoSshd } from './sshd.ts'

const MIB = 1024 * 1024
const why = whyNoSshd()

describe.skipIf(why !== undefined)(`commands and streams ${why ?? ''}`, () => {
  let folder: string
  let sshd: Sshd
  let proxy: TcpProxy
  const open: Connection[] = []

  beforeAll(async () => {
    folder = await scratchFolder()
    const authorized = [makeKey(`${folder}/id`, 'ed25519')]
    makeKey(`${folder}/host`, 'ed25519')
    // New session keys every 16 MB: whatever is sent while they are exchanged must arrive too.
    sshd = await startSshd({ folder, authorized, hostKeys: [`${folder}/host`], config: 'RekeyLimit 16M' })
    proxy = await startProxy(sshd.port)
  })

  afterEach(async () => {
    await Promise.all(open.splice(0).map((connection) => connection.close()))
  })

  afterAll(async () => {
    await proxy?.stop()
    await sshd?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function login(
    user: string = USERS.free,
    port = sshd.port,
    more: Parameters<typeof deskOptions>[1] = {},
  ): Promise<Connection> {
    const connection = await connectSsh(
      target(port, user, { identityFile: `${folder}/id` }),
      await deskOptions(folder, more),
    )
    open.push(connection)
    return connection
  }
  const asRoot = async (user: string) => elevated(await login(user), { password: async () => sshd.password })

  const ways: [string, () => Promise<Connection>][] = [
    ['over SSH', () => login()],
    [
      'over SSH through a jump host',
      async () => {
        const jump = { address: '127.0.0.1', port: sshd.port, user: USERS.none, identityFile: `${folder}/id` }
        const connection = await connectSsh(
          target(sshd.port, USERS.free, { identityFile: `${folder}/id`, jump }),
          await deskOptions(folder),
        )
        open.push(connection)
        return connection
      },
    ],
    ['under passwordless sudo', () => asRoot(USERS.free)],
    ['under sudo with a password', () => asRoot(USERS.password)],
    ['under sudo with a password and a terminal of its own', () => asRoot(USERS.pty)],
    ['on this machine', async () => connectLocal('local')],
  ]

  for (const [way, reach] of ways) {
    test(`100 MiB go in and come back unchanged at once ${way}`, async () => {
      const connection = await reach()
      const process = await connection.spawn(['cat'])
      const sent = createHash('sha256')
      const received = createHash('sha256')
      const sending = pipeline(randomStream(100 * MIB, sent), process.stream)
      let bytes = 0
      for await (const chunk of process.stream) {
        received.update(chunk)
        bytes += chunk.length
      }
      await sending
      expect(await process.exited).toBe(0)
      expect(bytes).toBe(100 * MIB)
      expect(received.digest('hex')).toBe(sent.digest('hex'))
    })

    test(`exec tells exit code, stdout and stderr apart ${way}`, async () => {
      const connection = await reach()
      const result = await connection.exec(['sh', '-c', 'printf out; printf err >&2; exit 7'])
      expect(result).toEqual({ code: 7, stdout: 'out', stderr: 'err' })
      expect((await connection.exec(['/nowhere/to be found'])).code).toBe(127)
      expect((await connection.exec(['sh', '-c', 'kill -9 $$'])).code).toBe(137)
    })

    test(`a command that does not read its stdin is no failure ${way}`, async () => {
      const connection = await reach()
      const result = await connection.exec(['sh', '-c', 'echo enough'], { input: randomStream(20 * MIB) })
      expect(result).toMatchObject({ code: 0, stdout: 'enough\n' })
    })

    test(`a write to a command that has gone fails, after its last words are read ${way}`, async () => {
      const connection = await reach()
      const process = await connection.spawn(['sh', '-c', 'echo last words; exit 3'])
      const writing = failure(pipeline(randomStream(50 * MIB), process.stream))
      expect((await readAll(process)).toString()).toBe('last words\n')
      expect(await process.exited).toBe(3)
      expect((await writing).message).toContain('the process has ended')
    })

    test(`a flood on stderr neither blocks stdout nor grows the tail ${way}`, async () => {
      const connection = await reach()
      const process = await connection.spawn([
        'sh',
        '-c',
        'head -c 20000000 /dev/zero >&2; echo the end >&2; echo done',
      ])
      process.stream.end()
      expect((await readAll(process)).toString()).toBe('done\n')
      expect(await process.exited).toBe(0)
      expect(process.stderrTail().endsWith('the end\n')).toBe(true)
      expect(process.stderrTail().length).toBeLessThanOrEqual(8192)
    })

    test(`an exit is told even when nobody reads ${way}`, async () => {
      const connection = await reach()
      const process = await connection.spawn(['sh', '-c', 'echo unread; echo why >&2; exit 5'])
      expect(await process.exited).toBe(5)
      expect(process.stderrTail()).toContain('why')
    })

    test(`a time-out ends the wait and names the command ${way}`, async () => {
      const connection = await reach()
      const began = performance.now()
      const facts = await failure(connection.exec(['sleep', '4'], { timeoutMs: 300 }))
      expect(facts).toMatchObject({ code: 'host-timeout', kind: 'host' })
      expect(performance.now() - began).toBeLessThan(2000)
      expect((await connection.exec(['echo', 'still there'])).stdout).toBe('still there\n')
    })

    test(`an abort in the middle of a stream ends it on both sides ${way}`, async () => {
      const connection = await reach()
      const abort = new AbortController()
      const process = await connection.spawn(['sh', '-c', 'cat; echo gone >> "$0"', `${folder}/never`], {
        signal: abort.signal,
      })
      const sending = failure(pipeline(randomStream(2000 * MIB), process.stream))
      process.stream.resume()
      setTimeout(() => abort.abort(), 300)
      expect(await failure(process.exited)).toMatchObject({ kind: 'interrupted' })
      expect(await sending).toMatchObject({ kind: 'interrupted' })
      expect((await connection.exec(['echo', 'still there'])).stdout).toBe('still there\n')
    })
  }

  test('an unread stdout holds the host back instead of filling the desk’s memory', async () => {
    const connection = await login(USERS.free, proxy.port)
    const process = await connection.spawn(['sh', '-c', 'head -c 60000000 /dev/zero | tee /dev/stderr | cat'])
    await pause(1500)
    // stderr shares the window, so nothing moves until stdout is read.
    expect(process.stream.readableLength).toBeLessThan(4 * MIB)
    expect((await readAll(process)).length).toBe(60_000_000)
    expect(await process.exited).toBe(0)
  })

  test('a host that does not read holds the desk back', async () => {
    const connection = await login(USERS.free, proxy.port)
    const before = proxy.sentBytes()
    const process = await connection.spawn(['sh', '-c', 'sleep 1.5; sha256sum'])
    let produced = 0
    const sum = createHash('sha256')
    const source = Readable.from(
      (function* () {
        for (; produced < 40 * MIB; produced += 65_536) {
          const chunk = randomBytes(65_536)
          sum.update(chunk)
          yield chunk
        }
      })(),
    )
    const sending = pipeline(source, process.stream)
    await pause(1000)
    expect(produced).toBeLessThan(8 * MIB)
    expect(proxy.sentBytes() - before).toBeLessThan(8 * MIB)
    const said = await readAll(process)
    await sending
    expect(said.toString()).toContain(sum.digest('hex'))
  })

  for (const [way, reach] of ways) {
    test(`a kill and a time-out reach the process ${way}`, async () => {
      const connection = await reach()
      const mark = `${1000 + Math.random()}`
      const alive = async () => (await connection.exec(['pgrep', '-cfx', `sleep ${mark}`])).stdout.trim()
      const process = await connection.spawn(['sleep', mark])
      await expect.poll(alive).toBe('1')
      process.kill()
      expect(await process.exited).toBe(143)
      await expect.poll(alive).toBe('0')
      const facts = await failure(connection.exec(['sleep', mark], { timeoutMs: 500 }))
      expect(facts).toMatchObject({ code: 'host-timeout' })
      await expect.poll(alive).toBe('0')
    })

    test(`a process that does not heed a kill is let go ${way}`, async () => {
      const connection = await reach()
      const process = await connection.spawn(['sh', '-c', 'trap "" TERM HUP PIPE; echo deaf; sleep 3; sleep 1'])
      await new Promise((resolve) => process.stream.once('data', resolve))
      const began = performance.now()
      process.kill()
      expect(await process.exited).toBeGreaterThan(128)
      expect(performance.now() - began).toBeLessThan(2500)
    })
  }

  test('an input that breaks fails the command with the input’s own error', async () => {
    const connection = await login()
    const input = new Readable({ read: () => {} })
    input.push('some')
    setTimeout(() => input.destroy(new Error('the stick was pulled')), 200)
    await expect(connection.exec(['cat'], { input })).rejects.toThrow('the stick was pulled')
  })

  test('an input that never ends does not keep a command that has ended', async () => {
    const connection = await login()
    const input = new Readable({ read: () => {} })
    expect(await connection.exec(['echo', 'done'], { input })).toMatchObject({ code: 0, stdout: 'done\n' })
    expect(input.destroyed).toBe(true)
  })

  test('a connection reset in mid-stream is a lost host, on the stream and on the exit', async () => {
    const connection = await login(USERS.free, proxy.port)
    const process = await connection.spawn(['cat'])
    const sending = failure(pipeline(randomStream(2000 * MIB), process.stream))
    const reading = failure(pipeline(process.stream, drain()))
    const running = failure(connection.exec(['sleep', '100']))
    await pause(400)
    proxy.cut()
    for (const facts of await Promise.all([sending, reading, running, failure(process.exited)])) {
      expect(facts).toMatchObject({ code: 'host-lost', kind: 'host' })
    }
    expect(await failure(connection.exec(['true']))).toMatchObject({ code: 'host-lost' })
    expect(await failure(connection.spawn(['true']))).toMatchObject({ code: 'host-lost' })
  })

  test('output that a broken connection cut short never passes for the whole', async () => {
    const connection = await login(USERS.free, proxy.port)
    const process = await connection.spawn(['cat', '/dev/zero'])
    setTimeout(() => proxy.cut(), 300)
    expect(await failure(readAll(process))).toMatchObject({ code: 'host-lost' })
  })

  test('a link that falls silent is noticed by the keep-alive', async () => {
    const connection = await login(USERS.free, proxy.port, { keepaliveIntervalMs: 200 })
    const process = await connection.spawn(['cat'])
    const began = performance.now()
    proxy.freeze()
    expect(await failure(process.exited)).toMatchObject({
      code: 'host-lost',
      found: expect.stringContaining('no sign of life'),
    })
    expect(performance.now() - began).toBeLessThan(3000)
  })

  test('a slow line that keep-alives cannot overtake is not taken for dead', async () => {
    const slow = await startProxy(sshd.port)
    slow.slowDown(1.5 * MIB)
    const connection = await login(USERS.free, slow.port, { keepaliveIntervalMs: 150 })
    const process = await connection.spawn(['sh', '-c', 'cat | wc -c'])
    await pipeline(randomStream(6 * MIB), process.stream)
    expect((await readAll(process)).toString().trim()).toBe(String(6 * MIB))
    await connection.close()
    await slow.stop()
  })

  test('a target that falls silent behind a living jump host is noticed', async () => {
    const jump = { address: '127.0.0.1', port: sshd.port, user: USERS.none, identityFile: `${folder}/id` }
    const far = await startProxy(sshd.port)
    const options = await deskOptions(folder, { keepaliveIntervalMs: 200 })
    const connection = await connectSsh(target(far.port, USERS.free, { identityFile: `${folder}/id`, jump }), options)
    open.push(connection)
    const process = await connection.spawn(['cat'])
    far.freeze()
    expect(await failure(process.exited)).toMatchObject({
      code: 'host-lost',
      found: expect.stringContaining('no sign'),
    })
    await connection.close()
    await far.stop()
  })

  test('a jump host that breaks is a lost host', async () => {
    const jump = { address: '127.0.0.1', port: proxy.port, user: USERS.none, identityFile: `${folder}/id` }
    const connection = await connectSsh(
      target(sshd.port, USERS.free, { identityFile: `${folder}/id`, jump }),
      await deskOptions(folder),
    )
    open.push(connection)
    const process = await connection.spawn(['cat'])
    proxy.cut()
    expect(await failure(process.exited)).toMatchObject({ code: 'host-lost' })
  })

  test('closing ends what still runs and leaves nothing open', async () => {
    const connection = await login()
    const process = await connection.spawn(['cat'])
    await connection.close()
    expect(await failure(process.exited)).toMatchObject({ code: 'host-lost' })
    await connection.close()
  })

  test('sixty commands at once on one connection all end, whatever MaxSessions says', async () => {
    const connection = await login()
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, index) => connection.exec(['echo', String(index)])),
    )
    expect(results.map((result) => result.stdout.trim())).toEqual(
      Array.from({ length: 60 }, (_, index) => String(index)),
    )
  })

  test('more sessions than the host allows is an error that names MaxSessions', async () => {
    const connection = await login()
    const sleepers = await Promise.allSettled(Array.from({ length: 12 }, () => connection.spawn(['cat'])))
    const refused = sleepers.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    expect(refused).toHaveLength(2)
    expect(refused[0].facts).toMatchObject({
      code: 'host-session-refused',
      needed: expect.stringContaining('MaxSessions'),
    })
  })

  test('eight hosts at once each get their own outcome, and a dead one stops no other', async () => {
    const dead = await freePort()
    const hosts = Array.from({ length: 10 }, (_, index) => ({
      name: `n${index}`,
      port: index % 5 === 4 ? dead : sshd.port,
    }))
    const outcomes = await eachHost(hosts, 8, async (host) =>
      (await (await login(USERS.free, host.port)).exec(['echo', host.name])).stdout.trim(),
    )
    expect(outcomes.filter((one) => 'ok' in one).map((one) => one.ok)).toEqual([
      'n0',
      'n1',
      'n2',
      'n3',
      'n5',
      'n6',
      'n7',
      'n8',
    ])
    const error = outcomeError(outcomes)
    expect(error).toMatchObject({ facts: { kind: 'partial', needed: 'every host done; left: n4, n9' } })
  })
})

function randomStream(bytes: number, hash?: ReturnType<typeof createHash>): Readable {
  const block = randomBytes(MIB)
  let left = bytes
  return new Readable({
    read() {
      if (left === 0) {
        this.push(null)
        return
      }
      const chunk = Buffer.from(block.subarray(0, Math.min(left, 65_536)))
      chunk.writeUInt32LE(left % 2 ** 32, 0)
      left -= chunk.length
      hash?.update(chunk)
      this.push(chunk)
    },
  })
}

async function readAll(process: RemoteProcess): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function drain(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() })
}

import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { Duplex, PassThrough, Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { handOn } from '../../../agent/service/hand-on.ts'
import { ExecutableSeeding } from '../../../installer/delivery/executable-seeding.ts'
import type { Connection } from '../../../installer/fleet/connection.ts'
import { connectLocal } from '../../../installer/fleet/local-connection.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { eventually } from '../service/fake-desk.ts'

const BYTES = randomBytes(6_000_000)
const signal = new AbortController().signal

/** A site whose hosts are folders of this machine, and a desk that counts what it sends. */
function site() {
  const seeding = new ExecutableSeeding()
  const desk = { sent: 0, beforeSending: async (): Promise<void> => {} }
  const executable = {
    sha256: createHash('sha256').update(BYTES).digest('hex'),
    sizeBytes: BYTES.length,
    packed: undefined,
    open() {
      desk.sent += 1
      return Readable.from(
        (async function* () {
          await desk.beforeSending()
          yield BYTES
        })(),
        { objectMode: false },
      )
    },
  }
  async function host(name: string, reachedAt: string | null = '127.0.0.1') {
    const address = reachedAt ?? undefined
    const folder = await temporaryFolder()
    const [path, runPath] = [join(folder, 'bin', 'mojabox'), join(folder, 'run')]
    const local = connectLocal(name)
    const argvs: string[][] = []
    const handingOn: { port: string; end: () => void }[] = []
    const connection: Connection = {
      ...local,
      exec: (argv, options) => {
        argvs.push(argv)
        const here = (word: string) => word.replaceAll(NODE_PATHS.executable, path).replaceAll(NODE_PATHS.run, runPath)
        return local.exec(argv.map(here), options)
      },
      // What the executable would do there.
      async spawn() {
        const [stdin, stdout] = [new PassThrough(), new PassThrough()]
        stdout.write('Last login: Thu\n')
        const ended = handOn(path, stdin, stdout)
        const said: string[] = []
        stdout.on('data', (line: Buffer) => said.push(line.toString()))
        const process = {
          stream: Duplex.from({ readable: stdout, writable: stdin }),
          stderrTail: () => '',
          exited: ended.then(() => 0),
          kill: () => stdin.end(),
        }
        void eventually(() => said.join('').match(/^(\d+)$/m)?.[1])
          .then((port) => handingOn.push({ port, end: process.kill }))
          .catch(() => {})
        onTestFinished(() => void stdin.end())
        return process
      },
    }
    return {
      ...{ name, path, connection, argvs, handingOn },
      deliver: () => seeding.deliver({ host: name, address, connection }, executable, () => {}, signal),
      isThere: async () => (await readFile(path)).equals(BYTES) && ((await stat(path)).mode & 0o777) === 0o755,
    }
  }
  return { desk, host, seeding }
}

describe('the executable', () => {
  it('leaves the desk once, however many hosts wait for it', async () => {
    const { desk, host } = site()
    const hosts = await Promise.all(['a', 'b', 'c', 'd'].map((name) => host(name)))
    await Promise.all(hosts.map((one) => one.deliver()))
    expect(await Promise.all(hosts.map((one) => one.isThere()))).toEqual([true, true, true, true])
    expect(desk.sent).toBe(1)
  })

  it('is handed on by a host that had it before', async () => {
    const { desk, host } = site()
    const [a, b] = [await host('a'), await host('b')]
    await a.deliver()
    await a.deliver()
    await b.deliver()
    expect(await b.isThere()).toBe(true)
    expect(desk.sent).toBe(1)
  })

  it('comes from the desk to a host that takes no part', async () => {
    const { desk, host } = site()
    const [a, b] = [await host('a'), await host('b', null)]
    await a.deliver()
    await b.deliver()
    expect(await b.isThere()).toBe(true)
    expect(desk.sent).toBe(2)
  })

  it('comes from the desk when the other host cannot be reached, and nothing half is left', async () => {
    const { desk, host } = site()
    const [a, b] = [await host('a'), await host('b')]
    await a.deliver()
    // Nobody listens at the port that it names.
    const { spawn } = a.connection
    a.connection.spawn = async (...args) => {
      const process = await spawn(...args)
      return { ...process, stream: Duplex.from({ readable: Readable.from(['1\n']), writable: new PassThrough() }) }
    }
    await b.deliver()
    expect(await b.isThere()).toBe(true)
    expect(desk.sent).toBe(2)
    expect(await readdir(dirname(b.path))).toEqual(['mojabox'])
  })

  it('comes from the desk when what the other host has is damaged', async () => {
    const { desk, host } = site()
    const [a, b] = [await host('a'), await host('b')]
    await a.deliver()
    await writeFile(a.path, 'damaged')
    await b.deliver()
    expect(await b.isThere()).toBe(true)
    expect(desk.sent).toBe(2)
  })

  it('goes to another host first when the first one fails', async () => {
    const { desk, host } = site()
    const [a, b, c] = [await host('a'), await host('b'), await host('c')]
    const { exec } = a.connection
    a.connection.exec = async (argv, options) => {
      if (options?.input === undefined) return exec(argv, options)
      await delay(50)
      throw new Error('host lost')
    }
    const failing = a.deliver()
    const others = [b.deliver(), c.deliver()]
    await expect(failing).rejects.toThrow('host lost')
    await Promise.all(others)
    expect([await b.isThere(), await c.isThere()]).toEqual([true, true])
    // To the one that failed, and to one of the others.
    expect(desk.sent).toBe(2)
  })

  it('is not handed on by a host whose connection has ended', async () => {
    const { desk, host, seeding } = site()
    const [a, b] = [await host('a'), await host('b')]
    await a.deliver()
    seeding.leave('a')
    await b.deliver()
    expect(desk.sent).toBe(2)
  })

  it('stops waiting when the run is stopped', async () => {
    const { desk, host, seeding } = site()
    const [a, b] = [await host('a'), await host('b')]
    const held = Promise.withResolvers<void>()
    desk.beforeSending = () => held.promise
    const first = a.deliver()
    await eventually(() => (desk.sent === 1 ? true : undefined))
    const stop = new AbortController()
    const receiver = { host: 'b', address: '127.0.0.1', connection: b.connection }
    const executable = {
      sha256: createHash('sha256').update(BYTES).digest('hex'),
      sizeBytes: 1,
      packed: undefined,
    }
    const open = () => Readable.from([])
    const waiting = seeding.deliver(receiver, { ...executable, open }, () => {}, stop.signal)
    await delay(50)
    stop.abort(new Error('stopped'))
    await expect(waiting).rejects.toThrow('stopped')
    held.resolve()
    await first
  })
})

describe('handing on', () => {
  /** What comes back for a word said at the port. */
  function say(port: string, text: string): Promise<number> {
    return new Promise((resolve) => {
      let bytes = 0
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('data', (piece) => {
        bytes += piece.length
      })
      socket.on('error', () => {}).on('close', () => resolve(bytes))
      socket.write(text)
    })
  }

  it('gives nothing to who says no token, another, or one that was said before', async () => {
    const { host } = site()
    const [a, b] = [await host('a'), await host('b')]
    const said: string[] = []
    const { exec } = b.connection
    b.connection.exec = (argv, options) => {
      if (typeof options?.input === 'string') said.push(options.input)
      return exec(argv, options)
    }
    await a.deliver()
    await b.deliver()
    const { port } = await eventually(() => a.handingOn[0])
    expect(said).toEqual([expect.stringMatching(/^[0-9a-f]{64}\n$/)])
    expect(await say(port, said[0] ?? '')).toBe(0)
    expect(await say(port, `${'0'.repeat(64)}\n`)).toBe(0)
    expect(await say(port, `GET / HTTP/1.1\r\nHost: ${'a'.repeat(100)}\r\n\r\n`)).toBe(0)
  })

  it('shows a token in no command line', async () => {
    const { host } = site()
    const [a, b] = [await host('a'), await host('b')]
    await a.deliver()
    await b.deliver()
    const words = b.argvs.flat().filter((word) => /^[0-9a-f]{64}$/.test(word))
    expect(new Set(words)).toEqual(new Set([createHash('sha256').update(BYTES).digest('hex')]))
  })
})

import { rmSync } from 'node:fs'
import { createServer, connect as dial, type Server } from 'node:net'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Connection, Streams } from '../../../installer/fleet/connection.ts'
import { elevated } from '../../../installer/fleet/elevate.ts'
import { openRelay } from '../../../installer/fleet/relay.ts'
import { connectSsh } from '../../../installer/fleet/ssh-connection.ts'
import { deskOptions, failure, target } from './desk.ts'
import { freePort, makeKey, type Sshd, scratchFolder, startSshd, USERS, whyNoSshd } from './sshd.ts'

const why = whyNoSshd()

/** A terminal whose screen can be read. */
function fakeTerminal(): Streams & { screen(): string; type_(keys: string): void } {
  const stdin = new PassThrough()
  const stdout = Object.assign(new PassThrough(), { columns: 77, rows: 33 })
  let seen = ''
  stdout.on('data', (piece: Buffer) => {
    seen += piece.toString()
  })
  return {
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stdout as unknown as NodeJS.WriteStream,
    type: 'vt100',
    screen: () => seen,
    type_: (keys) => void stdin.write(keys),
  }
}

describe.skipIf(why !== undefined)(`relays and terminals over SSH ${why ?? ''}`, () => {
  let folder: string
  let sshd: Sshd
  let echo: Server
  let echoPort = 0
  const open: Connection[] = []

  beforeAll(async () => {
    folder = await scratchFolder()
    const authorized = [makeKey(`${folder}/id`, 'ed25519')]
    makeKey(`${folder}/host`, 'ed25519')
    sshd = await startSshd({ folder, authorized, hostKeys: [`${folder}/host`] })
    echoPort = await freePort()
    echo = createServer((socket) => socket.pipe(socket)).listen(echoPort, '127.0.0.1')
  })
  afterAll(async () => {
    await Promise.all(open.map((connection) => connection.close()))
    echo?.close()
    await sshd?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function login(user: string = USERS.free): Promise<Connection> {
    const connection = await connectSsh(
      target(sshd.port, user, { identityFile: `${folder}/id` }),
      await deskOptions(folder),
    )
    open.push(connection)
    return connection
  }

  test('a relay carries several connections to where the host reaches, bytes unchanged', async () => {
    const relay = await openRelay(await login(), { host: '127.0.0.1', port: echoPort }, 0)
    const once = (text: string) =>
      new Promise<string>((resolve) => {
        const socket = dial(relay.port, '127.0.0.1')
        let heard = ''
        socket.on('data', (piece) => {
          heard += piece
        })
        socket.on('close', () => resolve(heard))
        socket.end(text)
      })
    const texts = ['one', 'two '.repeat(50_000), '']
    expect(await Promise.all(texts.map(once))).toEqual(texts)
    relay.close()
  })

  test('where nothing listens the client is hung up on, and the connection says why', async () => {
    const connection = await login()
    const port = await freePort()
    expect(await failure(connection.connect('127.0.0.1', port))).toMatchObject({ code: 'relay-refused', kind: 'host' })
    const relay = await openRelay(connection, { host: '127.0.0.1', port }, 0)
    await new Promise<void>((resolve) => dial(relay.port, '127.0.0.1').on('close', () => resolve()))
    relay.close()
  })

  test('a port of the desk that is taken is told', async () => {
    const error = await failure(openRelay(await login(), { host: '127.0.0.1', port: 1 }, echoPort))
    expect(error).toMatchObject({ code: 'port-taken', kind: 'usage' })
  })

  test('an interactive command has a terminal of the person’s size and type, gets keys, and gives its exit code', async () => {
    const terminal = fakeTerminal()
    const connection = await login()
    const ended = connection.interactive(['sh', '-c', 'stty size; echo $TERM; read line; echo "got $line"; exit 7'], {
      streams: terminal,
    })
    await expect.poll(terminal.screen, { timeout: 10_000 }).toContain('vt100')
    expect(terminal.screen()).toContain('33 77')
    terminal.type_('keys\r')
    expect(await ended).toBe(7)
    expect(terminal.screen()).toContain('got keys')
  })

  test('under sudo the password is answered, never shown', async () => {
    const terminal = fakeTerminal()
    const root = await elevated(await login(USERS.password), { password: async () => sshd.password })
    expect(await root.interactive(['id', '-un'], { streams: terminal })).toBe(0)
    expect(terminal.screen()).toContain('root')
    expect(terminal.screen()).not.toContain(sshd.password)
    expect(terminal.screen()).not.toContain('[sudo]')
  })
})

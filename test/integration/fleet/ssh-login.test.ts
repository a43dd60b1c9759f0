import { execFileSync, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectSsh } from '../../../installer/fleet/ssh-connection.ts'
import type { SecretQuestion } from '../../../installer/site/secret.ts'
import { deskOptions, failure, target } from './desk.ts'
import { startServer } from './proxy.ts'
import { freePort, makeKey, type Sshd, scratchFolder, startSshd, USERS, whyNoSshd } from './sshd.ts'

const user = USERS.free
const why = whyNoSshd()

describe.skipIf(why !== undefined)(`logging in over SSH ${why ?? ''}`, () => {
  let folder: string
  let sshd: Sshd
  let keyboard: Sshd
  let both: Sshd
  let agentSocket: string
  let agentPid: number
  const key = () => `${folder}/id_key`
  const locked = () => `${folder}/id_locked`
  const stranger = () => `${folder}/id_stranger`

  beforeAll(async () => {
    folder = await scratchFolder()
    const authorized = [
      makeKey(key(), 'ed25519'),
      makeKey(locked(), 'ed25519', 'open sesame'),
      makeKey(`${folder}/id_old`, 'rsa'),
    ]
    makeKey(stranger(), 'ed25519')
    makeKey(`${folder}/host`, 'ed25519')
    const hostKeys = [`${folder}/host`]
    sshd = await startSshd({ folder, authorized, hostKeys })
    keyboard = await startSshd({
      folder,
      authorized,
      hostKeys,
      config: 'PasswordAuthentication no\nPubkeyAuthentication no\nKbdInteractiveAuthentication yes',
    })
    both = await startSshd({ folder, authorized, hostKeys, config: 'AuthenticationMethods publickey,password' })
    agentSocket = `${folder}/agent`
    const told = execFileSync('ssh-agent', ['-a', agentSocket, '-s'], { encoding: 'utf8' })
    agentPid = Number(/SSH_AGENT_PID=(\d+)/.exec(told)?.[1])
    execFileSync('ssh-add', ['-q', stranger(), key()], { env: { ...process.env, SSH_AUTH_SOCK: agentSocket } })
  })

  afterAll(async () => {
    if (agentPid > 0) process.kill(agentPid)
    await Promise.all([sshd?.stop(), keyboard?.stop(), both?.stop()])
    rmSync(folder, { recursive: true, force: true })
  })

  async function whoami(...parameters: Parameters<typeof connectSsh>): Promise<string> {
    const connection = await connectSsh(...parameters)
    const { stdout } = await connection.exec(['id', '-un'])
    await connection.close()
    return stdout.trim()
  }

  test('a key file lets us in', async () => {
    expect(await whoami(target(sshd.port, user, { identityFile: key() }), await deskOptions(folder))).toBe(user)
  })

  test('an RSA key lets us in by a SHA-2 signature', async () => {
    expect(await whoami(target(sshd.port, user, { identityFile: `${folder}/id_old` }), await deskOptions(folder))).toBe(
      user,
    )
  })

  test('an encrypted key is opened with its passphrase by reference', async () => {
    const options = await deskOptions(folder, { sources: { env: { PASS: 'open sesame' } } })
    expect(await whoami(target(sshd.port, user, { identityFile: locked(), passphrase: 'env:PASS' }), options)).toBe(
      user,
    )
  })

  test('a passphrase without a reference is asked for once, and slow typing is no time-out', async () => {
    const asked: SecretQuestion[] = []
    const ask = async (question: SecretQuestion) => {
      asked.push(question)
      await new Promise((resolve) => setTimeout(resolve, 1500))
      return 'open sesame'
    }
    const options = await deskOptions(folder, { sources: { ask }, connectTimeoutMs: 1000 })
    expect(await whoami(target(sshd.port, user, { identityFile: locked() }), options)).toBe(user)
    expect(await whoami(target(sshd.port, user, { identityFile: locked() }), options)).toBe(user)
    expect(asked).toEqual([{ what: 'passphrase', subject: locked() }])
  })

  test('a wrong passphrase names the key and quotes no secret', async () => {
    const options = await deskOptions(folder, { sources: { env: { PASS: 'hunter2' } } })
    const facts = await failure(
      connectSsh(target(sshd.port, user, { identityFile: locked(), passphrase: 'env:PASS' }), options),
    )
    expect(facts).toMatchObject({ code: 'host-auth', kind: 'host', found: expect.stringContaining(locked()) })
    expect(JSON.stringify(facts)).not.toContain('hunter2')
  })

  test('a missing key file is told before anything is sent', async () => {
    const facts = await failure(
      connectSsh(target(1, user, { identityFile: `${folder}/nowhere` }), await deskOptions(folder)),
    )
    expect(facts).toMatchObject({ code: 'host-auth', found: expect.stringContaining('no such file') })
  })

  test('the agent’s keys let us in', async () => {
    const options = await deskOptions(folder, { env: { SSH_AUTH_SOCK: agentSocket } })
    expect(await whoami(target(sshd.port, user), options)).toBe(user)
  })

  test('agent: false leaves the agent alone', async () => {
    const options = await deskOptions(folder, { env: { SSH_AUTH_SOCK: agentSocket } })
    const facts = await failure(connectSsh(target(sshd.port, user, { agent: false }), options))
    expect(facts).toMatchObject({ code: 'host-auth', found: 'nothing to log in with' })
  })

  test('a named encrypted key is used through the agent that holds it, without a passphrase', async () => {
    execFileSync('ssh-add', ['-q', locked()], {
      env: { ...process.env, SSH_AUTH_SOCK: agentSocket, SSH_ASKPASS_REQUIRE: 'force', SSH_ASKPASS: askPass(folder) },
    })
    const options = await deskOptions(folder, { env: { SSH_AUTH_SOCK: agentSocket } })
    expect(await whoami(target(sshd.port, user, { identityFile: locked() }), options)).toBe(user)
  })

  test('an agent that is gone is passed over', async () => {
    const options = await deskOptions(folder, { env: { SSH_AUTH_SOCK: `${folder}/no-agent` } })
    expect(await whoami(target(sshd.port, user, { identityFile: key() }), options)).toBe(user)
  })

  test('a default identity is found in ~/.ssh', async () => {
    execFileSync('mkdir', ['-p', `${folder}/home/.ssh`])
    execFileSync('cp', [key(), `${folder}/home/.ssh/id_ed25519`])
    expect(await whoami(target(sshd.port, user), await deskOptions(folder, { home: `${folder}/home` }))).toBe(user)
  })

  test('a password lets us in', async () => {
    const options = await deskOptions(folder, { sources: { env: { PW: sshd.password } } })
    expect(await whoami(target(sshd.port, user, { password: 'env:PW' }), options)).toBe(user)
  })

  test('a password is also given where the host asks by keyboard-interactive', async () => {
    const options = await deskOptions(folder, { sources: { env: { PW: keyboard.password } } })
    expect(await whoami(target(keyboard.port, user, { password: 'env:PW' }), options)).toBe(user)
  })

  test('a host that wants a key and then a password gets both', async () => {
    const options = await deskOptions(folder, { sources: { env: { PW: both.password } } })
    expect(await whoami(target(both.port, user, { identityFile: key(), password: 'env:PW' }), options)).toBe(user)
  })

  test('a wrong key is refused with what was tried and what the host takes', async () => {
    const facts = await failure(
      connectSsh(target(sshd.port, user, { identityFile: stranger() }), await deskOptions(folder)),
    )
    expect(facts).toMatchObject({ code: 'host-auth', kind: 'host', found: `tried key ${stranger()}` })
    expect(facts.needed).toContain('publickey')
  })

  test('a wrong password is refused and not quoted', async () => {
    const options = await deskOptions(folder, { sources: { env: { PW: 'hunter2' } } })
    const facts = await failure(connectSsh(target(sshd.port, user, { password: 'env:PW' }), options))
    expect(facts).toMatchObject({ code: 'host-auth', found: expect.stringContaining('tried password') })
    expect(JSON.stringify(facts)).not.toContain('hunter2')
  })

  test('an agent with too many keys is told as a refused login', async () => {
    const crowd = `${folder}/crowd`
    const told = execFileSync('ssh-agent', ['-a', crowd, '-s'], { encoding: 'utf8' })
    try {
      for (let index = 0; index < 8; index += 1) {
        makeKey(`${folder}/crowd-${index}`, 'ed25519')
        execFileSync('ssh-add', ['-q', `${folder}/crowd-${index}`], { env: { ...process.env, SSH_AUTH_SOCK: crowd } })
      }
      const facts = await failure(
        connectSsh(target(sshd.port, user), await deskOptions(folder, { env: { SSH_AUTH_SOCK: crowd } })),
      )
      expect(facts).toMatchObject({ code: 'host-auth', found: 'tried agent; the host ended the attempt' })
    } finally {
      process.kill(Number(/SSH_AGENT_PID=(\d+)/.exec(told)?.[1]))
    }
  })

  test('a jump host carries the connection, each with its own login', async () => {
    const options = await deskOptions(folder, { sources: { env: { PW: sshd.password } } })
    const jump = { address: '127.0.0.1', port: sshd.port, user: USERS.none, password: 'env:PW' }
    const connection = await connectSsh(target(both.port, user, { identityFile: key(), password: 'env:PW2', jump }), {
      ...options,
      secrets: (await deskOptions(folder, { sources: { env: { PW: sshd.password, PW2: both.password } } })).secrets,
    })
    expect((await connection.exec(['id', '-un'])).stdout.trim()).toBe(user)
    expect(connection.address).toBe(`${user}@127.0.0.1:${both.port} through ${USERS.none}@127.0.0.1:${sshd.port}`)
    await connection.close()
  })

  test('a target that the jump host cannot reach names the jump host', async () => {
    const jump = { address: '127.0.0.1', port: sshd.port, user, identityFile: key() }
    const port = await freePort()
    const facts = await failure(
      connectSsh(target(port, user, { identityFile: key(), jump }), await deskOptions(folder)),
    )
    expect(facts).toMatchObject({ code: 'host-unreachable', found: 'the jump host cannot connect to it' })
    expect(facts.message).toContain(`through ${user}@127.0.0.1:${sshd.port}`)
  })

  test('a jump host that refuses us is the one that is named', async () => {
    const jump = { address: '127.0.0.1', port: sshd.port, user: USERS.none, identityFile: stranger() }
    const facts = await failure(
      connectSsh(target(both.port, user, { identityFile: key(), jump }), await deskOptions(folder)),
    )
    expect(facts).toMatchObject({ code: 'host-auth' })
    expect(facts.message).toContain(`${USERS.none}@127.0.0.1:${sshd.port}`)
  })

  test('a refused port says so', async () => {
    const facts = await failure(
      connectSsh(target(await freePort(), user, { identityFile: key() }), await deskOptions(folder)),
    )
    expect(facts).toMatchObject({
      code: 'host-unreachable',
      kind: 'host',
      found: 'nothing listens there (ECONNREFUSED)',
    })
  })

  test('a host that drops packets is given up after the time-out', async () => {
    const hole = await blackHole()
    try {
      const began = performance.now()
      const options = await deskOptions(folder, { connectTimeoutMs: 700 })
      const facts = await failure(connectSsh(target(hole.port, user, { identityFile: key() }), options))
      expect(facts).toMatchObject({ code: 'host-timeout', kind: 'host', found: 'no answer in 0.7 s' })
      expect(performance.now() - began).toBeLessThan(3000)
    } finally {
      hole.stop()
    }
  })

  test('a host that takes the connection and says nothing is given up too', async () => {
    const silent = await startServer()
    const options = await deskOptions(folder, { connectTimeoutMs: 700 })
    const facts = await failure(connectSsh(target(silent.port, user, { identityFile: key() }), options))
    expect(facts).toMatchObject({ code: 'host-timeout', found: 'silence during the handshake' })
    await silent.stop()
  })

  test('something else than SSH on the port is told apart', async () => {
    for (const answer of ['HTTP/1.1 400 Bad Request\r\n\r\n', '']) {
      const other = await startServer((socket) => socket.end(answer))
      const facts = await failure(
        connectSsh(target(other.port, user, { identityFile: key() }), await deskOptions(folder)),
      )
      expect(facts).toMatchObject({ code: 'host-unreachable', message: expect.stringContaining('but not with SSH') })
      await other.stop()
    }
  })

  test('an abort ends the attempt at once', async () => {
    const silent = await startServer()
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 200)
    const began = performance.now()
    const options = await deskOptions(folder, { signal: abort.signal })
    const facts = await failure(connectSsh(target(silent.port, user, { identityFile: key() }), options))
    expect(facts).toMatchObject({ code: 'interrupted', kind: 'interrupted' })
    expect(performance.now() - began).toBeLessThan(1500)
    await silent.stop()
  })
})

/** A port whose packets are dropped: a listener that never accepts, with its queue full. */
async function blackHole(): Promise<{ port: number; stop(): void }> {
  const script = `
    const server = require('node:net').createServer()
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port) + '\\n')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const port = await new Promise<number>((resolve) =>
    child.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString()))),
  )
  const fillers: Socket[] = []
  for (let full = false; !full; ) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    fillers.push(socket)
    await new Promise((resolve) => setTimeout(resolve, 200))
    full = socket.connecting
  }
  return {
    port,
    stop() {
      for (const socket of fillers) socket.destroy()
      child.kill('SIGKILL')
    },
  }
}

function askPass(folder: string): string {
  const path = `${folder}/askpass`
  execFileSync('sh', ['-c', `printf '#!/bin/sh\\necho "open sesame"\\n' > "$1" && chmod 700 "$1"`, 'sh', path])
  return path
}

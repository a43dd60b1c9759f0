import { execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const SSHD = '/usr/sbin/sshd'

/** Why a real sshd with users of its own cannot run here; undefined when it can. */
export function whyNoSshd(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root: it mounts its own /etc/passwd in a namespace'
  const missing = [SSHD, '/usr/bin/sudo', '/usr/bin/unshare', '/usr/bin/openssl'].filter((path) => !existsSync(path))
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`
}

/** Users of the test's sshd. All share one password, made at run time. */
export const USERS = {
  free: 'mjfree',
  password: 'mjpass',
  /** As `password`, but sudo runs its commands in a terminal of its own (`use_pty`). */
  pty: 'mjpty',
  none: 'mjnone',
  /** Passwordless for one command, with a password for all. */
  mixed: 'mjmixed',
} as const

export interface Sshd {
  port: number
  folder: string
  password: string
  stop(): Promise<void>
}

const run = promisify(execFile)

/** A scratch folder that sshd's users may enter. */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mojabox-sshd-'))
  await run('chmod', ['755', folder])
  return folder
}

/** Makes a key pair at `path`; returns the public key's line. */
export function makeKey(path: string, type: 'ed25519' | 'rsa' | 'ecdsa', passphrase = ''): string {
  execFileSync('ssh-keygen', [
    '-q',
    '-t',
    type,
    ...(type === 'rsa' ? ['-b', '2048'] : []),
    '-N',
    passphrase,
    '-C',
    'mojabox-test',
    '-f',
    path,
  ])
  return execFileSync('cat', [`${path}.pub`], { encoding: 'utf8' }).trim()
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/**
 * A real sshd on loopback in a mount namespace with its own users, sudoers and /run: this machine stays as it is.
 * `authorized` are public key lines for every user and root.
 */
export async function startSshd(options: {
  folder: string
  authorized: readonly string[]
  hostKeys: readonly string[]
  config?: string
  port?: number
}): Promise<Sshd> {
  const { folder } = options
  const port = options.port ?? (await freePort())
  const etc = join(folder, `etc-${port}`)
  mkdirSync(etc)
  const password = `pw '"$${Math.random().toString(36).slice(2)} é`
  const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: password, encoding: 'utf8' }).trim()
  const names = Object.values(USERS)
  const lines = (file: string) => execFileSync('cat', [file], { encoding: 'utf8' })
  const homes = names.map((name) => join(etc, 'home', name))
  for (const home of homes) mkdirSync(home, { recursive: true })
  const uidOf = (index: number) => 23_000 + index
  writeFileSync(
    join(etc, 'passwd'),
    lines('/etc/passwd') +
      names.map((name, index) => `${name}:x:${uidOf(index)}:${uidOf(index)}::${homes[index]}:/bin/sh\n`).join(''),
  )
  writeFileSync(
    join(etc, 'group'),
    lines('/etc/group') + names.map((name, index) => `${name}:x:${uidOf(index)}:\n`).join(''),
  )
  writeFileSync(
    join(etc, 'shadow'),
    `root:*:19000:0:99999:7:::\nsshd:*:19000::::::\n${names.map((name) => `${name}:${hash}:19000:0:99999:7:::\n`).join('')}`,
    { mode: 0o600 },
  )
  writeFileSync(
    join(etc, 'sudoers'),
    [
      'Defaults !use_pty, secure_path="/usr/sbin:/usr/bin:/sbin:/bin"',
      `Defaults:${USERS.pty} use_pty`,
      `${USERS.free} ALL=(ALL) NOPASSWD: ALL`,
      `${USERS.password} ALL=(ALL) ALL`,
      `${USERS.pty} ALL=(ALL) ALL`,
      `${USERS.mixed} ALL=(ALL) ALL, NOPASSWD: /usr/bin/sha256sum`,
      '',
    ].join('\n'),
    { mode: 0o440 },
  )
  writeFileSync(join(etc, 'authorized_keys'), `${options.authorized.join('\n')}\n`)
  writeFileSync(
    join(etc, 'sshd_config'),
    [
      // First: sshd keeps the first value of each keyword.
      options.config ?? '',
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      'UsePAM yes',
      'PermitRootLogin yes',
      'StrictModes no',
      'PrintMotd no',
      'LoginGraceTime 60',
      'MaxStartups 100',
      `PidFile ${join(etc, 'pid')}`,
      `AuthorizedKeysFile ${join(etc, 'authorized_keys')}`,
      ...options.hostKeys.map((path) => `HostKey ${path}`),
      '',
    ].join('\n'),
  )
  const script = `
    set -e
    for name in passwd group shadow sudoers; do mount --bind "$1/$name" "/etc/$name"; done
    mount -t tmpfs tmpfs /run; mkdir -p /run/sshd
    exec ${SSHD} -D -e -f "$1/sshd_config"`
  const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', etc], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-20_000)
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await untilOpen(port, () => (child.exitCode === null ? undefined : new Error(`sshd ended: ${log}`)))
  return {
    port,
    folder: etc,
    password,
    async stop() {
      child.kill()
      await exited
      await rm(etc, { recursive: true, force: true })
    },
  }
}

async function untilOpen(port: number, failed: () => Error | undefined): Promise<void> {
  for (let left = 200; left > 0; left -= 1) {
    const error = failed()
    if (error !== undefined) throw error
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`sshd did not open port ${port}`)
}

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { homedir, userInfo } from 'node:os'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { MojaboxError } from '../../bundles/format/error.ts'
import type { Connection, InteractiveOptions, RemoteProcess } from './connection.ts'
import { exitCode, Tail } from './ended-process.ts'
import { interruption } from './interruption.ts'
import { ProcessStream } from './process-stream.ts'
import { relayRefused } from './relay-refused.ts'
import { runToEnd, type StartProcess } from './run-to-end.ts'

const KILL_GRACE_MS = 1000
const STDERR_GRACE_MS = 1000

/**
 * This machine as a host. Commands get the surroundings a login over SSH would give them, not the desk's environment:
 * that may hold secrets (`env:NAME` references).
 */
export function connectLocal(name: string): Connection {
  const address = 'this machine'
  const start: StartProcess = (argv, options) => startHere(argv, options)
  return {
    name,
    address,
    exec: (argv, options = {}) => runToEnd(start, argv, options, address),
    spawn: (argv, options = {}) => start(argv, options),
    interactive: (argv, options) => runHere(argv, options),
    connect: (to, port) => connectHere(to, port),
    close: async () => {},
  }
}

/** The terminal is this process' own: the command gets it as it is. */
function runHere(argv: readonly string[], { streams, signal }: InteractiveOptions): Promise<number> {
  if (signal?.aborted === true) throw interruption(signal)
  const [command = '', ...parameters] = argv
  const home = homedir()
  const child = spawn(command, parameters, {
    cwd: home,
    env: { ...loginEnvironment(home), TERM: streams.type },
    stdio: [streams.stdin, streams.stdout, streams.stderr],
  })
  const { promise, resolve } = Promise.withResolvers<number>()
  child.once('error', () => resolve(127))
  child.once('close', (code, name) => resolve(exitCode(code, name)))
  return promise
}

function connectHere(address: string, port: number): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  const socket = connect({ host: address, port, allowHalfOpen: true })
  socket.once('connect', () => resolve(socket))
  socket.once('error', (error) => reject(relayRefused('this machine', address, port, error)))
  return promise
}

async function startHere(argv: readonly string[], options: Parameters<StartProcess>[1]): Promise<RemoteProcess> {
  if (options.signal?.aborted === true) throw interruption(options.signal)
  const [command, ...parameters] = argv
  if (command === undefined) throw new TypeError('an argv names at least a command')
  const home = homedir()
  const child = spawn(command, parameters, {
    cwd: home,
    env: loginEnvironment(home),
    // A process group of its own: a kill reaches its children, a Ctrl-C at the desk does not.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  return localProcess(child, command, options)
}

function localProcess(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  command: string,
  options: Parameters<StartProcess>[1],
): RemoteProcess {
  const tail = new Tail()
  let broken: MojaboxError | undefined
  const stream = new ProcessStream(child.stdin, child.stdout, () => broken)
  const end = Promise.withResolvers<number>()
  end.promise.catch(() => {})
  let code: number | undefined
  let timer: NodeJS.Timeout | undefined

  const hear = (chunk: Buffer) => {
    tail.add(chunk)
    options.onStderr?.(chunk)
  }
  child.stderr.on('data', hear)
  child.stderr.once('close', settle)
  child.once('exit', (status, signal) => {
    code = exitCode(status, signal)
    timer = setTimeout(settle, STDERR_GRACE_MS)
    stream.processGone()
    if (child.stderr.closed) settle()
  })
  child.once('error', (error) => {
    // A command that is not there is the command's failure, told as a shell tells it.
    const found = 'code' in error && error.code === 'ENOENT' ? 127 : 126
    hear(Buffer.from(`${command}: ${found === 127 ? 'not found' : 'cannot be run'}\n`))
    code = found
    stream.processGone()
    settle()
  })
  const abort = () => {
    if (options.signal === undefined) return
    kill()
    broken = interruption(options.signal)
    end.reject(broken)
    stream.destroy(broken)
  }
  options.signal?.addEventListener('abort', abort, { once: true })

  function settle(): void {
    if (code === undefined) return
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', abort)
    end.resolve(code)
  }

  function kill(): void {
    if (code !== undefined || child.pid === undefined) return
    signalGroup(child.pid, 'SIGTERM')
    setTimeout(() => {
      if (code !== undefined || child.pid === undefined) return
      signalGroup(child.pid, 'SIGKILL')
      // Root's processes are not ours to signal: whoever gave one up does not wait for its end, as over SSH.
      end.resolve(exitCode(undefined, 'SIGTERM'))
      stream.destroy()
    }, KILL_GRACE_MS).unref()
  }

  return { stream, stderrTail: () => tail.text(), exited: end.promise, kill }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // Gone already, or root's.
  }
}

function loginEnvironment(home: string): NodeJS.ProcessEnv {
  const { username, shell } = userInfo()
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: home,
    USER: username,
    LOGNAME: username,
    SHELL: shell ?? '/bin/sh',
    ...(process.env.LANG === undefined ? {} : { LANG: process.env.LANG }),
  }
}

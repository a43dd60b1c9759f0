import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUNDLE, EXECUTABLE, TRUSTED_KEY } from '../../../scripts/lab/artifacts.ts'
import { type LabNode, type NodeOptions, ownName, removeNode, removeOrphans, startNode } from '../../lab/nodes.ts'
import { type RunResult, run } from '../../lab/process.ts'
import { createKeyPair, type KeyPair } from '../../lab/ssh-keys.ts'
import { type Ended, MojaboxProcess } from './mojabox-process.ts'

/** What is tested; another executable and bundle than the ones `npm test` built can be named. */
export const executable = process.env.MOJABOX_E2E_EXECUTABLE ?? EXECUTABLE
export const bundle = process.env.MOJABOX_E2E_BUNDLE ?? BUNDLE

export interface RunOptions {
  env?: Record<string, string>
  /** The command is ended, and the test fails, after this long; milliseconds. */
  timeoutMs?: number
}

const PREFIX = 'e2e'
/** Longest that any one command here has a right to take: an install on a busy machine. */
const LIMIT_MS = 6 * 60_000

/**
 * An operator's desk of its own: a home, a cache, a folder to work in and a key. It remembers the hosts it was given,
 * and everything that mojabox ever said to it.
 */
export class Desk {
  readonly folder: string
  readonly key: KeyPair
  /** Everything mojabox wrote to stdout and stderr. */
  readonly heard: string[] = []
  readonly #hosts: string[] = []
  readonly #children = new Set<ChildProcess>()

  private constructor(folder: string, key: KeyPair) {
    this.folder = folder
    this.key = key
  }

  static async open(): Promise<Desk> {
    await removeOrphans(PREFIX)
    const folder = await mkdtemp(join(tmpdir(), 'mojabox-e2e-'))
    await mkdir(join(folder, 'home'))
    return new Desk(folder, await createKeyPair(folder))
  }

  /** A bare host that lets this desk's key in as root, ops, sudoer and nosudo. */
  async host(name: string, options: Omit<NodeOptions, 'name' | 'publicKey'> = {}): Promise<LabNode> {
    const full = ownName(PREFIX, name)
    this.#hosts.push(full)
    return startNode({ ...options, name: full, publicKey: this.key.publicKey })
  }

  /** Flags in place of a site file, for hosts that are given as `user@address`, each named by its node. */
  flags(hosts: LabNode | LabNode[], user = 'ops'): string[] {
    const named = [hosts].flat().flatMap((host) => ['--host', `${host.name}=${user}@${host.ip}`])
    const login = ['--identity', this.key.privateKeyPath, '--accept-new-host-keys']
    return [...named, ...login, '--bundle', bundle, '--trust', TRUSTED_KEY, '--json']
  }

  /** Runs mojabox to its end. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.start(args, options).ended
  }

  /** Starts mojabox; the desk's `close` ends it at the latest. */
  start(args: readonly string[], { env = {}, timeoutMs = LIMIT_MS }: RunOptions = {}): MojaboxProcess {
    const child = spawn(executable, args, {
      cwd: this.folder,
      env: {
        PATH: process.env.PATH,
        HOME: join(this.folder, 'home'),
        MOJABOX_CACHE: join(this.folder, 'cache'),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#children.add(child)
    const started = new MojaboxProcess(child, args, timeoutMs)
    started.ended
      .then(({ stdout, stderr }) => this.heard.push(stdout, stderr))
      .catch(() => {})
      .finally(() => this.#children.delete(child))
    return started
  }

  /** Runs mojabox on a pseudo-terminal of its own, as under a person's hands. */
  onTerminal(args: readonly string[]): Promise<RunResult> {
    const words = [executable, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
    const env = { HOME: join(this.folder, 'home'), MOJABOX_CACHE: join(this.folder, 'cache') }
    return run(['script', '--quiet', '--return', '--command', words, '/dev/null'], {
      cwd: this.folder,
      env,
      allowFailure: true,
      timeoutMs: 60_000,
    })
  }

  /** Ends what still runs, takes the desk's hosts and its folder away. */
  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    await Promise.all(this.#hosts.map((name) => removeNode(name)))
    await rm(this.folder, { recursive: true, force: true })
  }
}

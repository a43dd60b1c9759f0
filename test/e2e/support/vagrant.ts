import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { docker } from '../../lab/docker.ts'
import { run } from '../../lab/process.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')

/** Longest that one command of Vagrant's has a right to take: the start of a few nodes on a busy machine. */
const LIMIT_MS = 3 * 60_000

/** The repository's Vagrantfile, with all that Vagrant remembers in a folder of the test's. */
export class Vagrant {
  readonly #dotfilesPath: string
  readonly #env: Record<string, string>

  private constructor(folder: string) {
    this.#dotfilesPath = join(folder, 'dotfiles')
    this.#env = {
      VAGRANT_CWD: ROOT,
      VAGRANT_DOTFILE_PATH: this.#dotfilesPath,
      VAGRANT_HOME: join(folder, 'home'),
      VAGRANT_CHECKPOINT_DISABLE: '1',
    }
  }

  static async open(folder: string): Promise<Vagrant> {
    await mkdir(folder)
    return new Vagrant(folder)
  }

  /** Runs Vagrant and returns what it said. @throws Error when it fails */
  async run(...args: string[]): Promise<string> {
    return (await run(['vagrant', ...args], { env: this.#env, timeoutMs: LIMIT_MS })).stdout
  }

  /** Starts the nodes; what it says has the command to go on with. @throws Error when they are not up */
  async up(): Promise<string> {
    const up = ['up', '--provider=docker']
    return this.run(...up).catch((error: Error) => {
      // Vagrant looks at all containers of this machine for free ports, and stumbles when one of another test's goes.
      if (error.message.includes('No such object')) return this.run(...up)
      throw error
    })
  }

  /** What Vagrant has to say against this Vagrantfile for VirtualBox, which need not be there. @throws Error with it */
  async validateForVirtualBox(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'mojabox-vboxmanage-'))
    try {
      await writeFile(join(folder, 'VBoxManage'), '#!/bin/sh\necho 7.0.20r163906\n', { mode: 0o755 })
      const env = { ...this.#env, PATH: `${folder}:${process.env.PATH}`, VAGRANT_DEFAULT_PROVIDER: 'virtualbox' }
      return (await run(['vagrant', 'validate'], { env, timeoutMs: LIMIT_MS })).stdout
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  /** The containers of this Vagrantfile's nodes, running or not. */
  async containers(): Promise<string[]> {
    const ours = `label=org.mojabox.vagrant=${this.#dotfilesPath}`
    const listed = await docker(['ps', '--all', '--quiet', '--filter', ours])
    return listed.split('\n').filter(Boolean)
  }

  /** Takes the nodes away, those that Vagrant itself lost track of too. */
  async close(): Promise<void> {
    try {
      await this.run('destroy', '--force')
    } finally {
      for (const id of await this.containers()) await docker(['rm', '--force', '--volumes', id])
    }
  }
}

/** The `--host` and `--identity` of the command that `vagrant up` says to go on with. @throws Error without one */
export function wordsToGoOn(said: string): string[] {
  const command = / install (--host .*?) --bundle /.exec(said.replace(/\\?\n==> \w+: +/g, ' '))?.[1]
  if (command === undefined) throw new Error(`vagrant up: no command to go on with\n${said}`)
  return command.split(/\s+/).filter((word) => word !== '\\')
}

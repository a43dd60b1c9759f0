import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensurePackages } from './packages.ts'
import { run } from './process.ts'
import { waitFor } from './wait.ts'

export interface TerminalOptions {
  columns?: number
  rows?: number
  /** All of the command's environment besides PATH; TERM and LANG have usual values without it. */
  env?: Record<string, string>
  cwd: string
}

/** Longest that a screen is waited for where the test does not say otherwise, milliseconds. */
const LIMIT_MS = 30_000
const ENDED = /\[ended with (\d+)\]/

/**
 * A command on a terminal as a person has it: a real one, tmux's, whose screen is what tmux makes of the bytes that
 * were written. Each has a tmux server of its own.
 */
export class Terminal {
  readonly #folder: string
  readonly #socket: string

  private constructor(folder: string) {
    this.#folder = folder
    this.#socket = join(folder, 'tmux')
  }

  /** Starts a command; everything it writes is recorded from its first byte on. */
  static async open(argv: readonly string[], options: TerminalOptions): Promise<Terminal> {
    await ensurePackages(['tmux'])
    const { columns = 80, rows = 24, cwd, env = {} } = options
    const terminal = new Terminal(await mkdtemp(join(tmpdir(), 'mojabox-terminal-')))
    const variables = { PATH: process.env.PATH ?? '', TERM: 'xterm-256color', LANG: 'C.UTF-8', ...env }
    const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
    // It begins when a key is pressed: by then its output is recorded.
    // Ctrl-C is for the command, not for its shell.
    const script = 'trap : INT; read -r go; clear; env -i "$@"; echo "[ended with $?]"; exec sleep 3600'
    const size = ['-x', String(columns), '-y', String(rows)]
    const command = ['sh', '-c', script, 'sh', ...words, ...argv]
    await terminal.#tmux('new-session', '-d', '-s', 'test', '-c', cwd, ...size, ...command)
    await terminal.#tmux('set-option', '-g', 'history-limit', '10000')
    await terminal.#tmux('set-option', '-g', 'escape-time', '10')
    await terminal.#tmux('set-option', '-g', 'status', 'off')
    // Without a client its window has the size it is given, and no other.
    await terminal.#tmux('set-option', '-g', 'window-size', 'manual')
    await terminal.resize(columns, rows)
    await terminal.#tmux('pipe-pane', '-t', 'test', `cat > ${join(terminal.#folder, 'raw')}`)
    await terminal.press('Enter')
    return terminal
  }

  /** Keys by tmux's names: `Enter`, `Down`, `Escape`, `C-c`. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux('send-keys', '-t', 'test', ...keys)
  }

  /** Letters as they are. */
  async type(text: string): Promise<void> {
    await this.#tmux('send-keys', '-t', 'test', '-l', '--', text)
  }

  /** Goes to the line of the list that begins with `label`, and takes it. */
  async choose(label: string): Promise<void> {
    await this.shows(label)
    for (let count = 0; count < 20; count += 1) {
      const line = await waitFor('a list', async () => this.#chosen(), { timeoutMs: LIMIT_MS })
      if (line.startsWith(label)) return this.press('Enter')
      const lines = (await this.screen()).split('\n')
      const above = lines.slice(
        0,
        lines.findLastIndex((one) => /^[❯>] /.test(one)),
      )
      const list = above.slice(above.findLastIndex((one) => one.startsWith('? ')))
      await this.press(list.some((one) => one.startsWith(`  ${label}`)) ? 'Up' : 'Down')
      await waitFor('the next line', async () => (await this.#chosen()) !== line, { timeoutMs: 5_000 })
    }
    throw new Error(`no ${label} in the list:\n${await this.screen()}`)
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-t', 'test', '-x', String(columns), '-y', String(rows))
  }

  /** What can be seen now; trailing blanks and empty lines are left out. */
  async screen(): Promise<string> {
    return (await this.#tmux('capture-pane', '-p', '-t', 'test')).trimEnd()
  }

  /** What can be seen, and what has gone up out of sight; a line that the terminal had to break is one line. */
  async everything(): Promise<string> {
    return (await this.#tmux('capture-pane', '-p', '-J', '-S', '-', '-t', 'test')).trimEnd()
  }

  /** Every byte that was written. */
  async raw(): Promise<string> {
    return readFile(join(this.#folder, 'raw'), 'utf8')
  }

  /** Waits until the screen shows that. @throws Error with the screen when it does not */
  async shows(what: string | RegExp, timeoutMs: number = LIMIT_MS): Promise<string> {
    const fits = (text: string) => (typeof what === 'string' ? text.includes(what) : what.test(text))
    const look = async () => {
      const screen = await this.screen()
      return fits(screen) ? screen : undefined
    }
    return waitFor(`${what} on the screen`, look, { timeoutMs }).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await this.everything()}`)
    })
  }

  /** Waits until that is the question: a line that begins with its mark, unlike one that was answered. */
  async asks(question: string, timeoutMs?: number): Promise<string> {
    return this.shows(new RegExp(`^\\? ${question.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`, 'm'), timeoutMs)
  }

  /** Waits for the command's end. @returns its exit code */
  async ended(timeoutMs: number = LIMIT_MS): Promise<number> {
    return Number(ENDED.exec(await this.shows(ENDED, timeoutMs))?.[1])
  }

  /** Ends the command and its terminal. */
  async close(): Promise<void> {
    await this.#tmux('kill-server').catch(() => {})
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** The line of a list that the cursor is at. */
  async #chosen(): Promise<string | undefined> {
    return /^[❯>] (.*)$/m.exec(await this.screen())?.[1]
  }

  async #tmux(...args: string[]): Promise<string> {
    // -u: tmux itself shows every letter, whatever the machine's locale is.
    const { stdout } = await run(['tmux', '-u', '-f', '/dev/null', '-S', this.#socket, ...args], {
      env: { LC_ALL: 'C.UTF-8' },
      timeoutMs: 10_000,
    })
    return stdout
  }
}

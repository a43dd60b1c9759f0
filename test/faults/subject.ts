import { join } from 'node:path'
import { expect } from 'vitest'
import type { Desk, RunOptions } from '../e2e/support/desk.ts'
import { changedBy, changesOf, errorOf, expectDone, expectRefused } from '../e2e/support/expectations.ts'
import { type Ended, type MojaboxProcess, only } from '../e2e/support/mojabox-process.ts'
import { type LabNode, nodeExec, removeNode } from '../lab/nodes.ts'
import { run } from '../lab/process.ts'
import { waitFor } from '../lab/wait.ts'
import { FUNDED, type LedgerContent, ledgerContent } from './ledger.ts'
import { leftBehind } from './left-behind.ts'
import type { Outcome } from './row.ts'

export const ENGINE = 'mojabox-engine.service'

/**
 * How a hurt command must end: well, or with that exit code and error; one of several errors where it depends on the moment
 * who notices first, and none where the desk itself refuses (its error is no event).
 */
export type Expected = 'done' | { exit: number; code?: string | readonly string[] }

/** A host, the command that a fault is made to, and what must be true afterwards. */
export class Subject {
  readonly desk: Desk
  host: LabNode
  /** What the hurt command installs. */
  bundle: string
  /** What the ledger held before the fault; undefined where there was none. */
  ledger: LedgerContent | undefined
  /** A fault was recovered from, with all that is asserted. */
  whole = false
  #last: [RunOptions, readonly string[]] = [{}, []]

  constructor(desk: Desk, host: LabNode, bundle: string) {
    this.desk = desk
    this.host = host
    this.bundle = bundle
  }

  /** Flags that name the host; a bundle named after them is the one that counts. */
  get flags(): string[] {
    return this.desk.flags(this.host)
  }

  get command(): string[] {
    return ['install', ...this.flags, '--bundle', this.bundle]
  }

  /** Starts the command that is to be hurt; `more` are flags after the others. */
  start(options: RunOptions = {}, more: readonly string[] = []): MojaboxProcess {
    this.#last = [options, more]
    return this.desk.start([...this.command, ...more], options)
  }

  /** Starts the same command again. */
  startAgain(): MojaboxProcess {
    return this.start(...this.#last)
  }

  run(options: RunOptions = {}, more: readonly string[] = []): Promise<Ended> {
    return this.start(options, more).ended
  }

  /** Runs a command on the host, past SSH, and returns what it printed, whether it fails or not. */
  async on(...argv: string[]): Promise<string> {
    return (await nodeExec(this.host.name, argv, { allowFailure: true })).stdout.trim()
  }

  /** Waits until a program of that name runs on the host, looking as often as it can. */
  async running(program: string): Promise<void> {
    const runs = async () => (await this.on('pgrep', '-x', program)) !== ''
    await waitFor(`${program} to run`, runs, { timeoutMs: 60_000, intervalMs: 20 })
  }

  async engineIs(state: 'active' | 'inactive'): Promise<void> {
    const is = async () => (await this.on('systemctl', 'is-active', ENGINE)) === state
    await waitFor(`the engine to be ${state}`, is, { timeoutMs: 60_000 })
  }

  readLedger(): Promise<LedgerContent> {
    return ledgerContent(this.host.name)
  }

  /**
   * What is asserted of every fault: the hurt command ended as it must, the same command again brings the hub to its end,
   * once more changes nothing, the ledger has what it had, and nothing is left behind.
   */
  async recovered(ended: Ended, expected: Expected): Promise<Outcome> {
    const said = this.#endedAs(ended, expected)
    const again = await this.run()
    expectDone(again)
    expect(only(again, 'report').report.passed).toBe(true)
    if (expected === 'done') expect(changesOf(again)).toEqual([])
    else {
      const third = await this.run()
      expectDone(third)
      expect(changesOf(third)).toEqual([])
    }
    await this.expectWhole()
    const then = expected === 'done' ? 'went on by itself' : `re-run changed ${changedBy(again)} and passed`
    return { said, outcome: `${then}; the next changed 0; ledger whole` }
  }

  /** The ledger has what it had and what an install puts there, and nothing of the commands is left behind. */
  async expectWhole(): Promise<void> {
    const content = await this.readLedger()
    const missing = [...FUNDED, ...(this.ledger ?? [])].filter((line) => !content.includes(line))
    expect(missing, `the ledger has:\n${content.join('\n')}`).toEqual([])
    await this.engineIs('inactive')
    expect(await leftBehind(this.host.name)).toEqual([])
    this.whole = true
  }

  async remove(): Promise<void> {
    await removeNode(this.host.name)
    await this.forgetKeyAt(this.host.ip)
  }

  /** The desk forgets whose key it saw there: another host will have that address. */
  async forgetKeyAt(ip: string): Promise<void> {
    const knownHosts = join(this.desk.folder, '.mojabox', 'known_hosts')
    await run(['ssh-keygen', '-R', ip, '-f', knownHosts], { allowFailure: true })
  }

  #endedAs(ended: Ended, expected: Expected): string {
    if (expected === 'done') {
      expectDone(ended)
      expect(only(ended, 'report').report.passed).toBe(true)
      return 'exit 0'
    }
    expectRefused(ended, expected.exit)
    if (expected.code === undefined) {
      expect(ended.events).toEqual([])
      return `exit ${expected.exit}, at the desk`
    }
    const { code } = errorOf(ended)
    expect([expected.code].flat(), ended.stderr).toContain(code)
    return `exit ${expected.exit}, ${code}`
  }
}

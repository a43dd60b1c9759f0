import { appendFile, readFile, rename, writeFile } from 'node:fs/promises'
import type { NodeStatus } from '../contract/status.ts'

/** What the agent remembers: one JSON line each. `at` is ISO 8601. */
export type HistoryLine =
  | { at: string; kind: 'look'; hub: NodeStatus['hub']; ill: Record<string, string> }
  | { at: string; kind: 'validation'; run: string; passed: boolean; seconds: number; failed: string[] }
  | { at: string; kind: 'agent'; version: string }

/** A day, and one hour so that its first is whole. */
const KEPT_MS = 25 * 3600 * 1000
const MAX_BYTES = 1024 * 1024
/** What is left when there was too much. */
const TRIMMED_BYTES = 768 * 1024
const TRIM_EVERY_MS = 3600 * 1000

/**
 * The agent's memory of the last day, in a file of its own: it survives restarts and upgrades. Lines are only added;
 * now and then the old ones go. Bounded in age (25 h) and in size (1 MiB, whatever the interval of validations).
 */
export class History {
  readonly #path: string
  readonly #now: () => number
  #bytes = 0
  #trimmedAtMs = Number.NEGATIVE_INFINITY
  #turn: Promise<unknown> = Promise.resolve()

  constructor(path: string, now: () => number = Date.now) {
    this.#path = path
    this.#now = now
  }

  /** Adds a line. A full disk costs the line, not the agent: it resolves to false. */
  add(line: HistoryLine): Promise<boolean> {
    return this.#inTurn(async () => {
      const text = `${JSON.stringify(line)}\n`
      try {
        if (this.#now() - this.#trimmedAtMs > TRIM_EVERY_MS || this.#bytes + text.length > MAX_BYTES) await this.#trim()
        await appendFile(this.#path, text, { mode: 0o644 })
        this.#bytes += Buffer.byteLength(text)
        return true
      } catch {
        return false
      }
    })
  }

  /** The lines of the last 25 hours, oldest first; what a power loss cut in two is left out. */
  lines(): Promise<HistoryLine[]> {
    return this.#inTurn(() => this.#read())
  }

  async #read(): Promise<HistoryLine[]> {
    const text = await readFile(this.#path, 'utf8').catch(() => '')
    const since = this.#now() - KEPT_MS
    return text
      .split('\n')
      .flatMap(readLine)
      .filter(({ at }) => Date.parse(at) >= since)
  }

  async #trim(): Promise<void> {
    const kept: string[] = []
    let bytes = 0
    for (const line of (await this.#read()).toReversed()) {
      const text = `${JSON.stringify(line)}\n`
      bytes += Buffer.byteLength(text)
      if (bytes > TRIMMED_BYTES) break
      kept.push(text)
    }
    const text = kept.toReversed().join('')
    await writeFile(`${this.#path}.new`, text, { mode: 0o644 })
    await rename(`${this.#path}.new`, this.#path)
    this.#bytes = Buffer.byteLength(text)
    this.#trimmedAtMs = this.#now()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }
}

function readLine(text: string): HistoryLine[] {
  if (!text.startsWith('{')) return []
  try {
    const line: HistoryLine = JSON.parse(text)
    return Number.isNaN(Date.parse(line.at)) ? [] : [line]
  } catch {
    return []
  }
}

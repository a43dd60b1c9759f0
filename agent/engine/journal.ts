import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { Json, Step } from '../contract/step.ts'

const Entry = z.object({
  at: z.string(),
  run: z.string(),
  phase: z.enum(['before', 'after', 'failed', 'undone']),
  step: z.object({ id: z.string(), kind: z.string(), params: z.unknown() }),
  /** With phase `before`: what was there. */
  before: z.unknown().optional(),
  error: z.string().optional(),
})
export type JournalEntry = z.infer<typeof Entry>

/** A step that mojabox applied (or began to) and has not undone, with what was there before it first did. */
export interface AppliedStep {
  step: Step
  before: Json
}

/**
 * The record of what was done to this node: one JSON line an entry, on disk before the step goes on. A last line cut
 * by a power loss is left out.
 */
export class Journal {
  readonly #path: string
  readonly entries: JournalEntry[]

  private constructor(path: string, entries: JournalEntry[]) {
    this.#path = path
    this.entries = entries
  }

  static async open(path: string): Promise<Journal> {
    const text = await readFile(path, 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    const lines = text.split('\n').filter((line) => line !== '')
    const entries = lines.flatMap((line, index) => {
      const entry = parse(line)
      if (!entry && index < lines.length - 1) throw new Error(`${path}: line ${index + 1} is damaged`)
      return entry ? [entry] : []
    })
    return new Journal(path, entries)
  }

  async append(entry: Omit<JournalEntry, 'at'>): Promise<void> {
    const whole = { at: new Date().toISOString(), ...entry }
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o755 })
    const file = await open(this.#path, 'a', 0o600)
    try {
      const torn = this.entries.length > 0 && (await this.#endsTorn())
      await file.write(`${torn ? '\n' : ''}${JSON.stringify(whole)}\n`)
      await file.datasync()
    } finally {
      await file.close()
    }
    this.entries.push(whole)
  }

  /** What undo has to take back, in the order in which it was first applied. */
  applied(): AppliedStep[] {
    const found = new Map<string, AppliedStep>()
    for (const entry of this.entries) {
      const { id } = entry.step
      if (entry.phase === 'undone') found.delete(id)
      else if (entry.phase === 'before') {
        const earlier = found.get(id)
        found.set(id, { step: entry.step as Step, before: earlier ? earlier.before : (entry.before as Json) })
      }
    }
    return [...found.values()]
  }

  async #endsTorn(): Promise<boolean> {
    const text = await readFile(this.#path, 'utf8')
    return text !== '' && !text.endsWith('\n')
  }
}

function parse(line: string): JournalEntry | undefined {
  try {
    return Entry.parse(JSON.parse(line))
  } catch {
    return undefined
  }
}

import { constants } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Json, Step } from '../contract/step.ts'
import { isNoSpace, noSpace, writeAll } from '../store/disk-space.ts'
import { makeFolder } from '../store/make-folder.ts'

const Entry = z.object({
  at: z.string(),
  run: z.string(),
  /** `kept`: undone but for the data, which stays until it is asked for. */
  phase: z.enum(['before', 'after', 'failed', 'undone', 'kept']),
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
  /** Undone already; only its data is still there. */
  kept: boolean
}

/**
 * The record of what was done to this node: one JSON line an entry, on disk before the step goes on. A last line cut
 * by a power loss is left out.
 */
export class Journal {
  readonly #path: string
  /** Length of the whole lines, bytes: what follows was cut by a power loss. */
  #wholeBytes: number
  readonly entries: JournalEntry[]

  private constructor(path: string, wholeBytes: number, entries: JournalEntry[]) {
    this.#path = path
    this.#wholeBytes = wholeBytes
    this.entries = entries
  }

  /** @throws MojaboxError `journal-damaged` when a line other than the last cannot be read */
  static async open(path: string): Promise<Journal> {
    const text = await readFile(path, 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    const lines = whole.split('\n').filter((line) => line !== '')
    const entries = lines.map((line, index) => parse(line) ?? damaged(path, index + 1))
    return new Journal(path, Buffer.byteLength(whole), entries)
  }

  /** @throws MojaboxError `disk-full` */
  async append(entry: Omit<JournalEntry, 'at'>): Promise<void> {
    const whole = { at: new Date().toISOString(), ...entry }
    const line = `${JSON.stringify(whole)}\n`
    await makeFolder(dirname(this.#path), 0o755)
    try {
      await this.#write(line)
    } catch (cause) {
      throw isNoSpace(cause) ? noSpace(this.#path, Buffer.byteLength(line)) : cause
    }
    this.entries.push(whole)
  }

  async #write(line: string): Promise<void> {
    const file = await open(this.#path, constants.O_CREAT | constants.O_RDWR, 0o600)
    try {
      await file.truncate(this.#wholeBytes)
      const bytes = Buffer.from(line)
      await writeAll(file, bytes, this.#wholeBytes)
      await file.datasync()
      this.#wholeBytes += bytes.length
    } finally {
      await file.close()
    }
  }

  /** Something of ours is on this node besides data that an uninstall kept. */
  get installed(): boolean {
    return this.applied().some(({ kept }) => !kept)
  }

  /** What undo has to take back, in the order in which it was first applied. */
  applied(): AppliedStep[] {
    const found = new Map<string, AppliedStep>()
    for (const entry of this.entries) {
      const { id } = entry.step
      const earlier = found.get(id)
      if (entry.phase === 'undone') found.delete(id)
      else if (entry.phase === 'kept' && earlier) found.set(id, { ...earlier, kept: true })
      else if (entry.phase === 'before') {
        const before = earlier ? earlier.before : (entry.before as Json)
        // Applied anew after its undo: it comes after those that were applied meanwhile.
        if (earlier?.kept) found.delete(id)
        found.set(id, { step: entry.step as Step, before, kept: false })
      }
    }
    return [...found.values()]
  }
}

function parse(line: string): JournalEntry | undefined {
  try {
    return Entry.parse(JSON.parse(line))
  } catch {
    return undefined
  }
}

function damaged(path: string, line: number): never {
  throw new MojaboxError({
    code: 'journal-damaged',
    kind: 'step',
    message: 'the record of what mojabox did on this node is damaged',
    found: `line ${line} of ${path} cannot be read`,
    needed: 'one JSON object a line',
    next: `look at that line; take it out (keep a copy of the file), then run the same command again`,
  })
}

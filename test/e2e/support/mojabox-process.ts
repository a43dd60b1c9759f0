import type { ChildProcess } from 'node:child_process'
import type { Event } from '../../../agent/contract/events.ts'

type Of<T extends Event['type']> = Extract<Event, { type: T }>

/** A command of mojabox that has ended. */
export interface Ended {
  /** Exit code; null when a signal ended it. */
  code: number | null
  stdout: string
  stderr: string
  /** What `--json` printed. */
  events: Event[]
  seconds: number
}

/** A command of mojabox, with its events as they come. */
export class MojaboxProcess {
  readonly events: Event[] = []
  readonly ended: Promise<Ended>
  /** What it has written so far. */
  readonly output = { stdout: '', stderr: '' }
  readonly #child: ChildProcess
  readonly #words: string
  #rest = ''
  #listeners = new Set<() => void>()

  constructor(child: ChildProcess, args: readonly string[], timeoutMs: number) {
    this.#child = child
    this.#words = `mojabox ${args.join(' ')}`
    const startedAt = performance.now()
    const { output } = this
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text
      this.#take(text)
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
    this.ended = new Promise((resolve, reject) => {
      const limit = setTimeout(() => {
        child.kill('SIGKILL')
        reject(new Error(`${this.#words}: no end after ${timeoutMs / 1000} s\n${output.stderr}${tail(output.stdout)}`))
      }, timeoutMs)
      child.once('error', reject)
      child.once('close', (code) => {
        clearTimeout(limit)
        resolve({ code, ...output, events: this.events, seconds: (performance.now() - startedAt) / 1000 })
      })
    })
    // Who only waits for an event must not crash on the end.
    this.ended.catch(() => {})
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** The first event that fits, now or later. @throws Error when the command ends without one */
  async saw<T extends Event['type']>(type: T, fits: (event: Of<T>) => boolean = () => true): Promise<Of<T>> {
    const find = () => this.events.find((event): event is Of<T> => event.type === type && fits(event as Of<T>))
    const { promise, resolve, reject } = Promise.withResolvers<Of<T>>()
    const look = () => {
      const found = find()
      if (found) resolve(found)
    }
    this.#listeners.add(look)
    look()
    const over = () => reject(new Error(`${this.#words}: ended without the ${type} that was waited for`))
    this.ended.then(over, reject)
    return promise.finally(() => this.#listeners.delete(look))
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('{')) this.events.push(...parsed(line))
    for (const look of this.#listeners) look()
  }
}

/** The one event of that type. @throws Error when there is none, or several */
export function only<T extends Event['type']>({ events, stderr }: Pick<Ended, 'events' | 'stderr'>, type: T): Of<T> {
  const found = all(events, type)
  if (found.length === 1 && found[0]) return found[0]
  throw new Error(`${found.length} events ${type} instead of one\n${stderr}`)
}

export function all<T extends Event['type']>(events: readonly Event[], type: T): Of<T>[] {
  return events.filter((event): event is Of<T> => event.type === type)
}

/** A line of `--json`; other output, such as `status --json` on a node, is not always an event. */
function parsed(line: string): Event[] {
  const value: unknown = JSON.parse(line)
  return typeof value === 'object' && value !== null && 'type' in value ? [value as Event] : []
}

function tail(text: string): string {
  return text.slice(-4_000)
}

import type { Event } from '../../agent/contract/events.ts'
import type { NodeStatus } from '../../agent/contract/status.ts'
import { bytesText } from '../../bundles/format/bytes-text.ts'
import type { Io } from '../cli/io.ts'
import { renderConfig } from './config.ts'
import { renderError } from './error.ts'
import { type Look, lookOf, TONES } from './look.ts'
import { meter } from './meter.ts'
import type { Reader, ReaderOptions } from './reader.ts'
import { renderReport } from './report.ts'
import { renderStatus } from './status.ts'

type Of<T extends Event['type']> = Extract<Event, { type: T }>

/** Lines for a person: one a finished step, a moving one for what is at work where the terminal can redraw it. */
export class TerminalReader implements Reader {
  readonly #io: Io
  readonly #options: ReaderOptions
  readonly #look: Look
  readonly #moves: boolean
  readonly #meters = new Map<string, ReturnType<typeof meter>>()
  readonly #quiet = new Map<string, { pass: number; skip: number }>()
  #current = ''
  #drawn = false

  constructor(io: Io, options: ReaderOptions) {
    this.#io = io
    this.#options = options
    this.#look = lookOf(io)
    this.#moves = io.isTty && options.hosts === 1 && io.env.TERM !== 'dumb'
  }

  take(event: Event): void {
    switch (event.type) {
      case 'connected':
        this.#draw(`connected to ${event.address}`)
        break
      case 'transfer':
        this.#progress(event, event.what, `sending ${event.what}`, event.doneBytes, event.totalBytes, 'bytes')
        break
      case 'check':
        this.#check(event)
        break
      case 'config':
        this.end()
        this.#io.stdout(renderConfig(event.compose, event.values, this.#look))
        break
      case 'plan':
        this.#plan(event)
        break
      case 'step-started':
        this.#sumUpChecks(event)
        this.#current = `[${event.index + 1}/${event.count}] ${event.title}`
        this.#draw(this.#current)
        break
      case 'step-progress':
        this.#progress(event, event.id, this.#current, event.done, event.total, event.unit, event.note)
        break
      case 'step-done':
        if (event.changed) this.#line(event, `${this.#mark('pass')} ${event.title}${this.#took(event.seconds)}`)
        break
      case 'step-failed':
        this.#line(event, `${this.#mark('fail')} ${event.title}`)
        break
      case 'waiting-for-desk':
        this.#line(event, this.#look.paint('yellow', 'the node waits for the desk'))
        break
      case 'seeded':
        this.#line(
          event,
          `  ${bytesText(event.fromDeskBytes)} came from here, ${bytesText(event.fromPeersBytes)} from other hosts`,
        )
        break
      case 'note':
        this.#line(event, event.level === 'warn' ? `${this.#mark('warn')} ${event.message}` : `  ${event.message}`)
        break
      case 'report':
        this.#line(event, renderReport(event.report, this.#look, this.#options.verb === 'validate', this.#io.columns))
        break
      case 'status':
        this.end()
        this.#io.stdout(renderStatus(event.status as NodeStatus, this.#look))
        break
      case 'page':
        this.end()
        this.#io.stdout(`${event.url}\n`)
        if (event.lasts) this.#line(event, 'open this address in a browser; Ctrl-C ends it')
        break
      case 'run-finished':
        this.#finished(event)
        break
      default:
        break
    }
  }

  end(): void {
    if (this.#drawn) this.#io.stderr('\r\u001b[2K')
    this.#drawn = false
  }

  /** `check` shows every check; other verbs only what needs attention, and how many passed. */
  #check(event: Of<'check'>): void {
    const { status, title, found, needed, fix } = event.result
    const good = status === 'pass' || status === 'skip'
    if (good && this.#options.verb !== 'check') {
      const counted = this.#quiet.get(event.host) ?? { pass: 0, skip: 0 }
      counted[status] += 1
      this.#quiet.set(event.host, counted)
      return
    }
    const more = good ? [] : [`    needed: ${needed}`, ...(fix ? [`    fix:    ${fix}`] : [])]
    this.#line(event, [`${this.#mark(status)} ${title}: ${found}`, ...more].join('\n'))
  }

  #sumUpChecks(event: Event): void {
    const counted = this.#quiet.get(event.host)
    if (!counted) return
    const skipped = counted.skip > 0 ? `, ${counted.skip} skipped` : ''
    this.#line(event, `${this.#mark('pass')} ${counted.pass} checks passed${skipped}`)
    this.#quiet.delete(event.host)
  }

  #plan(event: Of<'plan'>): void {
    this.#sumUpChecks(event)
    for (const { title, done } of event.steps) {
      this.#line(event, done ? this.#look.paint('dim', `${this.#look.marks.skip} ${title} (done)`) : `+ ${title}`)
    }
    const left = event.steps.filter((step) => !step.done).length
    this.#line(event, left === 0 ? 'nothing to do' : `${left} of ${event.steps.length} steps to do`)
  }

  #finished(event: Of<'run-finished'>): void {
    this.#sumUpChecks(event)
    this.end()
    if (event.outcome === 'failed') {
      // With one host the command itself ends with this error.
      if (this.#options.hosts > 1 && event.error) this.#line(event, renderError(event.error).trimEnd())
      return
    }
    if (!['install', 'reset-data', 'uninstall'].includes(this.#options.verb)) return
    const took = `${event.seconds.toFixed(1)} s`
    const changed = `${event.changed} step${event.changed === 1 ? '' : 's'} changed something`
    const done = `${this.#look.paint('bold', 'done')} in ${took}, ${changed}`
    this.#line(event, event.changed === 0 ? `nothing to do: everything is as it should be (${took})` : done)
  }

  #progress(event: Event, key: string, what: string, done: number, total: number, unit: 'bytes' | 'items', note = '') {
    const id = `${event.host} ${key}`
    const known = this.#meters.get(id) ?? meter(unit)
    this.#meters.set(id, known)
    const more = note && (unit === 'bytes' ? `, ${note}` : ` ${note}`)
    this.#draw(`${what} ${known.show(done, total)}${more}`)
  }

  #line(event: Event, text: string): void {
    this.end()
    const host = this.#options.hosts > 1 ? `${this.#look.paint('dim', `[${event.host}]`)} ` : ''
    this.#io.stderr(`${host}${text}\n`)
  }

  #draw(text: string): void {
    if (!this.#moves) return
    this.#io.stderr(`\r\u001b[2K  ${text.slice(0, this.#io.columns - 3)}`)
    this.#drawn = true
  }

  #mark(status: keyof typeof TONES): string {
    return this.#look.paint(TONES[status], this.#look.marks[status])
  }

  #took(seconds: number): string {
    return seconds >= 1 ? this.#look.paint('dim', ` ${seconds.toFixed(1)} s`) : ''
  }
}

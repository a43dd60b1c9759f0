import { styleText } from 'node:util'
import type { Event } from '../../agent/contract/events.ts'
import type { NodeStatus } from '../../agent/contract/status.ts'
import type { Io } from '../cli/io.ts'
import { renderError } from './error.ts'
import { meter } from './meter.ts'
import type { Reader, ReaderOptions } from './reader.ts'
import { renderReport } from './report.ts'
import { renderStatus } from './status.ts'

type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'bold'

const MARKS = { pass: '✓', warn: '!', fail: '✗', skip: '-' } as const
const PLAIN_MARKS = { pass: 'ok', warn: '!', fail: 'x', skip: '-' } as const
const COLOURS = { pass: 'green', warn: 'yellow', fail: 'red', skip: 'dim' } as const

/** Lines for a person: one a finished step, a moving one for the step at work where the terminal can. */
export function createTerminalReader(io: Io, options: ReaderOptions): Reader {
  const unicode = !/^(C|POSIX)$/.test(io.env.LC_ALL ?? io.env.LANG ?? 'C.UTF-8') && io.env.TERM !== 'dumb'
  const colour = io.isTty && !io.env.NO_COLOR && io.env.TERM !== 'dumb'
  const marks = unicode ? MARKS : PLAIN_MARKS
  const paint = (tone: Colour, text: string) => (colour ? styleText(tone, text, { validateStream: false }) : text)
  const moving = io.isTty && options.hosts === 1 && io.env.TERM !== 'dumb'
  let drawn = false
  let checks = { pass: 0, skip: 0 }
  const meters = new Map<string, ReturnType<typeof meter>>()

  const clear = () => {
    if (drawn) io.stderr('\r\u001b[2K')
    drawn = false
  }
  const draw = (text: string) => {
    if (!moving) return
    io.stderr(`\r\u001b[2K${text.slice(0, io.columns - 1)}`)
    drawn = true
  }
  const line = (event: Event, text: string) => {
    clear()
    io.stderr(`${options.hosts > 1 ? `${paint('dim', `[${event.host}]`)} ` : ''}${text}\n`)
  }
  const summariseChecks = (event: Event) => {
    if (checks.pass > 0)
      line(
        event,
        `${paint('green', marks.pass)} ${checks.pass} checks passed${checks.skip ? `, ${checks.skip} skipped` : ''}`,
      )
    checks = { pass: 0, skip: 0 }
  }
  const progress = (
    event: Event,
    key: string,
    what: string,
    done: number,
    total: number,
    unit: 'bytes' | 'items',
    note = '',
  ) => {
    const id = `${event.host} ${key}`
    const known = meters.get(id) ?? meter(unit)
    meters.set(id, known)
    draw(`  ${what} ${known.show(done, total)}${note ? ` ${note}` : ''}`)
  }
  let current = ''

  const show = (event: Event): void => {
    switch (event.type) {
      case 'connected':
        return draw(`  connected to ${event.address}`)
      case 'transfer':
        return progress(event, event.what, `sending ${event.what}`, event.doneBytes, event.totalBytes, 'bytes')
      case 'check':
        if (event.result.status === 'pass' && options.verb !== 'check') return void (checks.pass += 1)
        if (event.result.status === 'skip' && options.verb !== 'check') return void (checks.skip += 1)
        return line(event, checkLines(event))
      case 'plan':
        summariseChecks(event)
        for (const step of event.steps)
          line(event, `${step.done ? paint('dim', `${marks.skip} ${step.title} (done)`) : `  ${step.title}`}`)
        return
      case 'step-started':
        summariseChecks(event)
        current = `[${event.index + 1}/${event.count}] ${event.title}`
        return draw(`  ${current}`)
      case 'step-progress':
        return progress(event, event.id, current, event.done, event.total, event.unit, event.note)
      case 'step-done': {
        const took = event.seconds >= 1 ? paint('dim', ` ${event.seconds.toFixed(1)} s`) : ''
        if (event.changed) return line(event, `${paint('green', marks.pass)} ${event.title}${took}`)
        return
      }
      case 'step-failed':
        return line(event, `${paint('red', marks.fail)} ${event.title}`)
      case 'waiting-for-desk':
        return line(event, paint('yellow', 'the node waits for the desk'))
      case 'note':
        return line(
          event,
          event.level === 'warn' ? paint('yellow', `${marks.warn} ${event.message}`) : `  ${event.message}`,
        )
      case 'report':
        return line(event, renderReport(event.report, { marks, paint }, options.verb === 'validate'))
      case 'status':
        clear()
        return io.stdout(renderStatus(event.status as NodeStatus, { marks, paint }))
      case 'run-finished':
        return finished(event)
      default:
        return
    }
  }
  const checkLines = (event: Extract<Event, { type: 'check' }>): string => {
    const { status, title, found, needed, fix } = event.result
    const head = `${paint(COLOURS[status], marks[status])} ${title}: ${found}`
    if (status === 'pass' || status === 'skip') return head
    return [head, `    needed: ${needed}`, ...(fix ? [`    fix:    ${fix}`] : [])].join('\n')
  }
  const finished = (event: Extract<Event, { type: 'run-finished' }>) => {
    summariseChecks(event)
    clear()
    const took = `${event.seconds.toFixed(1)} s`
    if (event.outcome === 'failed') {
      if (options.hosts > 1 && event.error)
        line(event, `${paint('red', marks.fail)} ${renderError(event.error).trimEnd()}`)
      return
    }
    if (options.verb === 'install' || options.verb === 'uninstall') {
      line(
        event,
        event.changed === 0
          ? `nothing to do: everything is as it should be (${took})`
          : `${paint('bold', 'done')} in ${took}, ${event.changed} steps changed something`,
      )
    }
  }
  return { take: show, end: clear }
}

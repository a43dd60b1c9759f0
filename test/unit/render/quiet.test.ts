import { describe, expect, it } from 'vitest'
import type { Event, EventBody } from '../../../agent/contract/events.ts'
import { createReader } from '../../../installer/render/create-reader.ts'
import { FakeIo, hasControls } from './fake-io.ts'

const event = (body: EventBody): Event => ({ ...body, at: '2026-01-31T08:00:00Z', host: 'n1', run: 'r' })
const check = (status: 'pass' | 'warn' | 'fail') =>
  event({ type: 'check', result: { id: 'm', title: 'memory', status, found: '1 GB', needed: '4 GB', fix: 'more' } })

describe('a quiet reader', () => {
  const said = (...events: Event[]) => {
    const io = new FakeIo({ isTty: true })
    const reader = createReader(io, { json: false, quiet: true, hosts: 1, verb: 'install' })
    for (const each of events) reader.take(each)
    reader.end()
    return io
  }

  it('leaves out progress, even on a terminal', () => {
    const io = said(
      event({ type: 'connected', address: 'ops@n1:22' }),
      check('pass'),
      check('warn'),
      event({ type: 'step-started', id: 's', title: 'Docker', index: 0, count: 2 }),
      event({ type: 'step-progress', id: 's', done: 1, total: 2, unit: 'items' }),
      event({ type: 'step-done', id: 's', title: 'Docker', changed: true, seconds: 3 }),
      event({ type: 'note', level: 'info', message: 'by the way' }),
    )
    expect(io.err + io.out).toBe('')
  })

  it('tells the result, and what went wrong', () => {
    const io = said(
      check('fail'),
      event({ type: 'note', level: 'warn', message: 'the connection was lost' }),
      event({ type: 'run-finished', outcome: 'done', changed: 2, seconds: 4 }),
    )
    expect(io.lines.join('\n')).toMatch(/memory: 1 GB[\s\S]*the connection was lost[\s\S]*done in 4\.0 s/)
    expect(hasControls(io.err)).toBe(false)
  })
})

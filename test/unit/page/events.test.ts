import { describe, expect, it } from 'vitest'
import { recentEvents } from '../../../agent/page/events.ts'
import type { HistoryLine } from '../../../agent/page/history.ts'
import type { ReportEntry } from '../../../agent/page/reports.ts'

const at = (minute: number) => new Date(Date.UTC(2027, 0, 10, 10, minute)).toISOString()
const look = (minute: number, hub: 'up' | 'degraded', ill: Record<string, string> = {}): HistoryLine => ({
  at: at(minute),
  kind: 'look',
  hub,
  ill,
})
const validation = (minute: number, ...failed: string[]): HistoryLine => ({
  at: at(minute),
  kind: 'validation',
  run: 'r',
  passed: failed.length === 0,
  seconds: 1,
  failed,
})
const texts = (lines: HistoryLine[], reports: ReportEntry[] = []) =>
  recentEvents({ lines, reports, installed: undefined, bootedAt: at(0) }).map(({ text }) => text)

describe('recentEvents', () => {
  it('tells what changed, newest first, down to the boot', () => {
    const lines = [look(1, 'up'), look(2, 'up'), look(3, 'degraded', { kafka: 'unhealthy' }), look(4, 'up')]
    expect(texts(lines)).toEqual([
      'The hub is up',
      'kafka is well again',
      'The hub is degraded',
      'kafka is unhealthy',
      'The hub is up',
      'The host booted',
    ])
  })

  it('tells of each service that changes, also while the hub stays degraded', () => {
    const lines = [
      look(1, 'degraded', { kafka: 'unhealthy' }),
      look(2, 'degraded', { kafka: 'exited', redis: 'unhealthy' }),
      look(3, 'degraded', { redis: 'unhealthy' }),
    ]
    expect(texts(lines).slice(0, 3)).toEqual(['kafka is well again', 'kafka is exited', 'redis is unhealthy'])
  })

  it('tells when validations begin to fail, fail at something else and pass again, not of each', () => {
    const lines = [
      validation(1),
      validation(2, 'a'),
      validation(3, 'a'),
      validation(4, 'b'),
      validation(5),
      validation(6),
    ]
    expect(texts(lines)).toEqual([
      'Validation passes again',
      'Validation failed at “b”',
      'Validation failed at “a”',
      'The host booted',
    ])
  })

  it('tells who asked for a validation, the last install and the agent’s starts', () => {
    const reports: ReportEntry[] = [
      { run: 'x', at: at(9), seconds: 1, passed: true, by: 'desk', failed: [], levels: [] },
      { run: 'agent-1', at: at(8), seconds: 1, passed: true, by: 'agent', failed: [], levels: [] },
    ]
    const events = recentEvents({
      lines: [{ at: at(6), kind: 'agent', version: '0.1.0' }],
      reports,
      installed: { at: at(5), text: 'Installed: it' },
      bootedAt: at(0),
    })
    expect(events.map(({ text }) => text)).toEqual([
      'Validated on request: ',
      'The agent started (mojabox 0.1.0)',
      'Installed: it',
      'The host booted',
    ])
  })

  it('is bounded', () => {
    const lines = Array.from({ length: 500 }, (_, minute) => look(minute, minute % 2 ? 'up' : 'degraded'))
    expect(texts(lines)).toHaveLength(50)
  })
})

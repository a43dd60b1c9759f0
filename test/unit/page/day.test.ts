import { describe, expect, it } from 'vitest'
import { sumUpDay } from '../../../agent/page/day.ts'
import type { HistoryLine } from '../../../agent/page/history.ts'

const NOW = Date.UTC(2027, 0, 10, 12, 0, 0)
const MINUTE = 60_000
type Hub = 'up' | 'starting' | 'degraded' | 'down'

const at = (minutesAgo: number) => new Date(NOW - minutesAgo * MINUTE).toISOString()
const look = (minutesAgo: number, hub: Hub = 'up', ill: Record<string, string> = {}): HistoryLine => ({
  at: at(minutesAgo),
  kind: 'look',
  hub,
  ill,
})
const validation = (minutesAgo: number, passed: boolean): HistoryLine => ({
  at: at(minutesAgo),
  kind: 'validation',
  run: 'r',
  passed,
  seconds: 1,
  failed: [],
})
/** Every five minutes. */
const steady = (from: number, to: number, hub: Hub = 'up'): HistoryLine[] =>
  Array.from({ length: (from - to) / 5 + 1 }, (_, index) => look(from - 5 * index, hub))

describe('sumUpDay', () => {
  it('has a cell for each ten minutes of 24 hours, none of them seen where nobody looked', () => {
    const day = sumUpDay([], NOW)
    expect(day.cells).toHaveLength(144)
    expect(day.cells.every(({ hub }) => hub === null)).toBe(true)
    expect(day.seconds).toMatchObject({ up: 0, down: 0, unseen: 86_400 })
    expect(day.outages).toEqual([])
  })

  it('counts a whole day of being up', () => {
    const day = sumUpDay(steady(1500, 0), NOW)
    expect(day.cells.every(({ hub }) => hub === 'up')).toBe(true)
    expect(day.seconds).toEqual({ up: 86_400, starting: 0, degraded: 0, down: 0, unseen: 0 })
  })

  it('shows the worst of each ten minutes, however short', () => {
    const lines = [...steady(100, 55), look(52, 'down', { mysql: 'exited' }), look(51.5), ...steady(50, 0)]
    const day = sumUpDay(lines, NOW)
    expect(day.cells.at(-6)?.hub).toBe('down')
    expect(day.cells.at(-5)?.hub).toBe('up')
    expect(day.seconds.down).toBe(30)
    expect(day.outages).toEqual([{ from: at(52), to: at(51.5), hub: 'down', services: ['mysql'] }])
  })

  it('does not take an agent that was away for a hub that was up', () => {
    const day = sumUpDay([...steady(600, 500), ...steady(100, 0)], NOW)
    expect(day.seconds.up).toBe((107.5 + 100) * 60)
    expect(day.cells[144 - 30]?.hub).toBeNull()
  })

  it('tells an outage that lasts, with its worst state and all who were ill', () => {
    const lines = [look(12), look(10, 'degraded', { kafka: 'unhealthy' }), look(5, 'down', { mysql: 'exited' })]
    expect(sumUpDay(lines, NOW).outages).toEqual([
      { from: at(10), to: null, hub: 'down', services: ['kafka', 'mysql'] },
    ])
  })

  it('tells two outages apart, the newer first, and at most 50', () => {
    const lines = Array.from({ length: 120 }, (_, index) => look(240 - index, index % 2 ? 'down' : 'up'))
    const { outages } = sumUpDay(lines, NOW)
    expect(outages).toHaveLength(50)
    expect(Date.parse(outages[0]?.from ?? '')).toBeGreaterThan(Date.parse(outages[1]?.from ?? ''))
  })

  it('counts validations, in all and in their ten minutes', () => {
    const day = sumUpDay([validation(5, true), validation(3, false), validation(1450, true)], NOW)
    expect(day.validations).toEqual({ passed: 1, failed: 1 })
    expect(day.cells.at(-1)).toMatchObject({ passed: 1, failed: 1 })
  })

  it('begins its cells at round times, so that they stay where they are while somebody reads', () => {
    const first = sumUpDay(steady(60, 0), NOW - 4 * MINUTE)
    const second = sumUpDay(steady(60, 0), NOW - 1 * MINUTE)
    expect(second.from).toBe(first.from)
  })

  it('copes with a clock that was set back: lines of the future are not counted', () => {
    expect(sumUpDay([look(-30, 'down'), look(3)], NOW).seconds).toMatchObject({ down: 0, up: 180 })
  })
})

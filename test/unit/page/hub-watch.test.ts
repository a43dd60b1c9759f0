import { describe, expect, it } from 'vitest'
import type { ValidationSummary } from '../../../agent/contract/status.ts'
import type { HistoryLine } from '../../../agent/page/history.ts'
import { HubWatch } from '../../../agent/page/hub-watch.ts'
import type { Look, LookedService } from '../../../agent/page/look.ts'
import { serviceOf } from './scene.ts'

const MINUTE = 60_000

function setting(earlier: HistoryLine[] = []) {
  const written: HistoryLine[] = [...earlier]
  const state = {
    ms: Date.UTC(2027, 0, 10),
    services: [serviceOf('kafka')] as LookedService[],
    hub: 'up' as Look['hub'],
    last: null as ValidationSummary | null,
    looks: 0,
  }
  const watch = new HubWatch({
    history: {
      add: async (line) => written.push(line) > 0,
      lines: async () => written,
    },
    look: async () => {
      state.looks += 1
      await Promise.resolve()
      return { atMs: state.ms, hub: state.hub, services: state.services }
    },
    lastValidation: async () => state.last,
    now: () => state.ms,
  })
  const kinds = () => written.map(({ kind }) => kind)
  return { watch, state, written, kinds }
}

const validation = (at: string, ...failed: string[]): ValidationSummary => ({
  at,
  seconds: 5,
  passed: failed.length === 0,
  failed,
  report: '/var/lib/mojabox/reports/agent-7.json',
})

describe('HubWatch', () => {
  it('looks once, however many ask, and again when that look is old', async () => {
    const { watch, state } = setting()
    await Promise.all([watch.latest(), watch.latest(), watch.latest()])
    await watch.latest()
    expect(state.looks).toBe(1)
    state.ms += 3_001
    await watch.latest()
    expect(state.looks).toBe(2)
  })

  it('remembers a change at once, and that nothing changed every five minutes', async () => {
    const { watch, state, written } = setting()
    for (let minute = 0; minute < 10; minute += 1) {
      await watch.latest()
      state.ms += MINUTE
    }
    expect(written).toHaveLength(2)
    Object.assign(state, { hub: 'degraded', services: [serviceOf('kafka', { health: 'unhealthy' })] })
    await watch.latest()
    expect(written.at(-1)).toEqual({
      at: new Date(state.ms).toISOString(),
      kind: 'look',
      hub: 'degraded',
      ill: { kafka: 'unhealthy' },
    })
  })

  it('remembers each validation once, whoever asked for it', async () => {
    const { watch, state, written } = setting()
    state.last = validation('2027-01-10T00:00:00.000Z', 'kafka: kafka is healthy')
    await watch.latest()
    await watch.validated()
    const validations = written.filter(({ kind }) => kind === 'validation')
    expect(validations).toEqual([
      {
        at: '2027-01-10T00:00:00.000Z',
        kind: 'validation',
        run: 'agent-7',
        passed: false,
        seconds: 5,
        failed: ['kafka is healthy'],
      },
    ])
  })

  it('does not remember again after a restart what it knew before', async () => {
    const at = '2027-01-09T23:59:00.000Z'
    const known: HistoryLine = { at, kind: 'validation', run: 'agent-7', passed: true, seconds: 5, failed: [] }
    const { watch, state, kinds } = setting([known])
    state.last = validation(at)
    const stop = new AbortController()
    const ended = watch.run(stop.signal)
    await new Promise((resolve) => setTimeout(resolve, 20))
    stop.abort()
    await ended
    expect(kinds()).toEqual(['validation', 'agent', 'look'])
  })

  it('looks again after a look that failed', async () => {
    const { state } = setting()
    let broken = true
    const watch = new HubWatch({
      history: { add: async () => true, lines: async () => [] },
      look: async () => {
        if (broken) throw new Error('no')
        return { atMs: state.ms, hub: 'up', services: [] }
      },
      lastValidation: async () => null,
      now: () => state.ms,
    })
    await expect(watch.latest()).rejects.toThrow()
    broken = false
    expect((await watch.latest()).hub).toBe('up')
  })
})

import { describe, expect, it } from 'vitest'
import type { Event, EventBody } from '../../../agent/contract/events.ts'
import type { Step, StepHandler } from '../../../agent/contract/step.ts'
import { dataSteps, removeData } from '../../../agent/service/reset-data.ts'
import { contextOf } from '../engine/step-context.ts'

const step = (id: string, kind: string): Step => ({ id, kind, params: { id } })
const STEPS = [
  step('store', 'store'),
  step('backing', 'compose'),
  step('topics', 'topics'),
  step('services', 'compose'),
]
const journalOf = (...kept: string[]) => ({
  applied: () => STEPS.map((each) => ({ step: each, before: null, kept: kept.includes(each.id) })),
})

describe('dataSteps', () => {
  it('are those that were applied here, from the first services on', () => {
    expect(dataSteps(journalOf()).map(({ id }) => id)).toEqual(['backing', 'topics', 'services'])
  })

  it('are none where only kept data is left of an install', () => {
    expect(dataSteps(journalOf('store', 'backing', 'topics', 'services'))).toEqual([])
  })
})

describe('removeData', () => {
  it('undoes the services last first, with their data, whatever the order says, and tells one step', async () => {
    const undone: string[] = []
    const handler: StepHandler<unknown> = {
      describe: () => '',
      isDone: async () => true,
      apply: async () => {},
      undo: async ({ order }, params) => void undone.push(`${(params as { id: string }).id} ${order.deleteData}`),
    }
    const told: EventBody[] = []
    await removeData(
      STEPS,
      () => handler,
      () => contextOf(),
      (event) => void told.push(event as Event),
    )
    expect(undone).toEqual(['services true', 'backing true'])
    expect(told.map(({ type }) => type)).toEqual(['step-started', 'step-done'])
  })

  it('stops where the run is interrupted', async () => {
    const stopped = contextOf({ signal: AbortSignal.abort(new Error('stop')) })
    const handler = { undo: () => Promise.reject(new Error('undone all the same')) } as unknown as StepHandler<unknown>
    await expect(
      removeData(
        STEPS,
        () => handler,
        () => stopped,
        () => {},
      ),
    ).rejects.toThrow('stop')
  })
})

import { describe, expect, it } from 'vitest'
import { STEP_HANDLERS } from '../../../agent/engine/steps/registry.ts'
import { GROUPS } from '../../faults/registry.ts'
import { VERBS } from '../../faults/row.ts'
import { stepsOf } from '../../faults/steps.ts'

const points = (verb: string) =>
  (GROUPS.process ?? []).filter((row) => row.verb === verb).flatMap((row) => row.points ?? [])

describe('rows over steps', () => {
  it('kill the engine before and after every step of the plan', async () => {
    for (const verb of VERBS) {
      const steps = await stepsOf(verb)
      expect(steps.length).toBeGreaterThan(15)
      const wanted = steps.flatMap(({ id }) => ['started', 'journaled', 'applied', 'done'].map((at) => `${at}:${id}`))
      expect(points(verb)).toEqual(expect.arrayContaining(wanted))
    }
  })

  it('meet every kind of step that there is', async () => {
    const met = (await Promise.all(VERBS.map(stepsOf))).flat().map(({ kind }) => kind)
    expect([...new Set(met)].toSorted()).toEqual(Object.keys(STEP_HANDLERS).toSorted())
  })
})

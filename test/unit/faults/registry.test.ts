import { describe, expect, it } from 'vitest'
import { GROUPS, rowsFor } from '../../faults/registry.ts'
import { namesIn } from '../house/source-files.ts'

const rows = Object.values(GROUPS).flat()

describe('the fault matrix', () => {
  it('has every group, by its file’s name', () => {
    expect(Object.keys(GROUPS).toSorted()).toEqual(namesIn('test/faults/rows'))
  })

  it('has ids that say group, fault and verb, each once', () => {
    for (const [group, ofGroup] of Object.entries(GROUPS)) {
      for (const { id, verb } of ofGroup) expect(id).toMatch(RegExp(`^${group}/[a-z0-9/-]+/${verb}$`))
    }
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length)
  })

  it('takes a few fast rows into every test run, all rows or some by the beginning of their ids', () => {
    expect(rowsFor(undefined).length).toBeGreaterThan(0)
    expect(rowsFor(undefined).length).toBeLessThan(rows.length / 2)
    expect(rowsFor('all')).toEqual(rows)
    expect(rowsFor('process/desk').every(({ id }) => id.startsWith('process/desk'))).toBe(true)
    expect(() => rowsFor('process/no-such')).toThrow('no fault process/no-such')
  })
})

import { expect, it } from 'vitest'
import { LEVELS } from '../../../agent/contract/levels.ts'
import { levelsOrAll } from '../../../installer/cli/levels.ts'

it('means all levels when none is named', () => {
  expect(levelsOrAll(undefined)).toEqual([...LEVELS])
  expect(levelsOrAll([])).toEqual([...LEVELS])
})

it('means the named ones', () => {
  expect(levelsOrAll(['ledger'])).toEqual(['ledger'])
})

it('refuses an unknown one, naming those there are', () => {
  expect(() => levelsOrAll(['services', 'Ledger'])).toThrow(
    expect.objectContaining({
      facts: expect.objectContaining({ kind: 'usage', found: 'Ledger', needed: 'one of services, ledger, transfer' }),
    }),
  )
})

import { describe, expect, it } from 'vitest'
import { choose, readCommandLine } from '../../../scripts/bench/measure/choice.ts'

describe('the command line of the benchmark', () => {
  it('names groups, and what of them is wanted', () => {
    const args = ['delivery', 'start', '--repetitions', '1', '--only', 'cold,noop', '--suites=d20']
    expect(readCommandLine(args)).toEqual({
      groups: ['delivery', 'start'],
      choice: { repetitions: 1, only: ['cold', 'noop'], suites: ['d20'] },
    })
  })

  it('leaves to each group what is not said', () => {
    expect(readCommandLine([])).toEqual({ groups: [], choice: {} })
  })

  it.each(['0', '-1', '1.5', 'five'])('refuses %s repetitions', (number) => {
    expect(() => readCommandLine([`--repetitions=${number}`])).toThrow(number)
  })

  it('refuses a flag that there is not', () => {
    expect(() => readCommandLine(['--repeat', '1'])).toThrow('--repeat')
  })
})

describe('choosing', () => {
  const choices = ['cold', 'noop', 'upgrade']
  const name = (each: string) => each

  it('keeps the order in which things are done', () => {
    expect(choose('only', choices, name, ['upgrade', 'cold'])).toEqual(['cold', 'upgrade'])
  })

  it('takes all where nothing is named', () => {
    expect(choose('only', choices, name)).toEqual(choices)
  })

  it('refuses a name that there is not, and says which there are', () => {
    expect(() => choose('only', choices, name, ['cold', 'warm'])).toThrow('--only warm: there are cold, noop, upgrade')
  })
})

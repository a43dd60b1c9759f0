import { describe, expect, it } from 'vitest'
import { overlaps, parseRange, subdivide } from '../../../agent/preflight/ipv4-range.ts'

describe('parseRange', () => {
  it('takes the block an address with a prefix lies in', () => {
    expect(parseRange('10.1.2.3/8')).toMatchObject({ first: 10 * 2 ** 24, last: 11 * 2 ** 24 - 1 })
    expect(parseRange('0.0.0.0/0')).toMatchObject({ first: 0, last: 2 ** 32 - 1 })
    expect(parseRange('255.255.255.255')).toMatchObject({ first: 2 ** 32 - 1, last: 2 ** 32 - 1 })
  })

  it.each(['localhost', '10.0.0.256', '10.0.0.0/33', '::1'])('knows that %s is none', (text) => {
    expect(parseRange(text)).toBeUndefined()
  })
})

describe('overlaps', () => {
  it('holds both ways, also when one lies inside the other', () => {
    const [wide, inside, beside] = ['172.16.0.0/12', '172.17.5.0/24', '172.32.0.0/16'].map(parseRange)
    if (!wide || !inside || !beside) throw new Error('not ranges')
    expect([overlaps(wide, inside), overlaps(inside, wide), overlaps(wide, beside)]).toEqual([true, true, false])
  })
})

describe('subdivide', () => {
  it('gives the first blocks of the wanted size', () => {
    const base = parseRange('10.214.0.0/16')
    expect(base && subdivide(base, 24, 3).map((range) => range.cidr)).toEqual([
      '10.214.0.0/24',
      '10.214.1.0/24',
      '10.214.2.0/24',
    ])
    expect(base && subdivide(base, 12, 3)).toEqual([])
  })
})

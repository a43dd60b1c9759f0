import { describe, expect, it } from 'vitest'
import { compareVersions, satisfies } from '../../../bundles/build/apt/debian-version.ts'

describe('compareVersions', () => {
  it.each([
    ['1.0', '1.0', 0],
    ['1.0-1', '1.0-2', -1],
    ['1.10', '1.9', 1],
    ['1:0.1', '2.0', 1],
    ['0:1.0', '1.0', 0],
    ['1.0', '1.0-0', 0],
    ['1.0~rc1', '1.0', -1],
    ['1.0~~', '1.0~', -1],
    ['1.0~~a', '1.0~', -1],
    ['1.0', '1.0a', -1],
    ['1.0a', '1.0+', -1],
    ['1.0a', '1.0-1', 1],
    ['1.2.3-1+deb12u1', '1.2.3-1', 1],
    ['1.2.3-1+b6', '1.2.3-1+deb12u1', -1],
    ['20.10.24+dfsg1-1+deb12u1+b6', '20.10.24+dfsg1-1+deb12u1', 1],
    ['1.001', '1.1', 0],
    ['2.26.1-4', '2.26.1-4~bpo12+1', 1],
    ['1-2-3', '1-2-4', -1],
    ['99999999999999999999', '99999999999999999998', 1],
  ])('%s against %s gives %i', (one, other, expected) => {
    expect(Math.sign(compareVersions(one, other))).toBe(expected)
    expect(Math.sign(compareVersions(other, one))).toBe(expected === 0 ? 0 : -expected)
  })
})

describe('satisfies', () => {
  it.each([
    ['<<', false],
    ['<=', true],
    ['=', true],
    ['>=', true],
    ['>>', false],
  ] as const)('an equal version under %s: %s', (operator, expected) => {
    expect(satisfies('2:1.0-1', operator, '2:1.0-1')).toBe(expected)
  })
})

import { describe, expect, it } from 'vitest'
import { isAtLeast } from '../../../agent/preflight/version-order.ts'

describe('isAtLeast', () => {
  it.each([
    ['20.10.24+dfsg1', '20.10.0', true],
    ['20.9.9', '20.10.0', false],
    ['6.12.48+deb13-amd64', '4.19', true],
    ['4.18.0-553.el8', '4.19', false],
    ['v2.26.1', '2.0.0', true],
    ['2', '2.0.0', true],
    ['of unknown version', '1', false],
  ])('%s against %s: %s', (version, lowest, expected) => {
    expect(isAtLeast(version, lowest)).toBe(expected)
  })
})

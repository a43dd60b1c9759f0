import { InvalidArgumentError } from 'commander'
import { describe, expect, it } from 'vitest'
import { byteSize, collectNames, collectPairs, positiveInteger } from '../../../installer/cli/bundle-options.ts'

describe('collectNames', () => {
  it('takes names one by one, or with commas', () => {
    expect(collectNames('c,d', collectNames('a,b,', []))).toEqual(['a', 'b', 'c', 'd'])
  })
})

describe('collectPairs', () => {
  it('splits at the first `=`', () => {
    expect(collectPairs('debian=http://h/?a=b', { x: 'y' })).toEqual({ x: 'y', debian: 'http://h/?a=b' })
  })

  it.each(['nothing', '=value', 'key='])('refuses %s', (text) => {
    expect(() => collectPairs(text, {})).toThrow(InvalidArgumentError)
  })
})

describe('positiveInteger', () => {
  it('takes 1 to 64', () => {
    expect([positiveInteger('1'), positiveInteger('64')]).toEqual([1, 64])
  })

  it.each(['0', '65', '-1', '1.5', 'abc', '', '1e9', '0x'])('refuses %j', (text) => {
    expect(() => positiveInteger(text)).toThrow(InvalidArgumentError)
  })
})

describe('byteSize', () => {
  it.each([
    ['4G', 4e9],
    ['3.5g', 3.5e9],
    ['700MB', 7e8],
    ['4000Mi', 4000 * 2 ** 20],
    ['640k', 640_000],
    ['512', 512],
  ])('takes %s', (text, bytes) => {
    expect(byteSize(text)).toBe(bytes)
  })

  it.each(['', 'large', '0', '-4G', '4T', 'G', '4 i', '99999999999G'])('refuses %s', (text) => {
    expect(() => byteSize(text)).toThrow(InvalidArgumentError)
  })
})

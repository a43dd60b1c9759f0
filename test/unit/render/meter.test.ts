import { describe, expect, it } from 'vitest'
import { duration, meter, size } from '../../../installer/render/meter.ts'

describe('meter', () => {
  it('shows share, rate and time left', () => {
    let now = 0
    const gauge = meter('bytes', () => now)
    gauge.show(0, 100_000_000)
    now = 1_000
    expect(gauge.show(25_000_000, 100_000_000)).toBe('25 % of 100 MB, 25 MB/s, 3 s left')
  })

  it('takes the rate over the last seconds: a slow start is forgotten', () => {
    let now = 0
    const gauge = meter('bytes', () => now)
    for (; now <= 60_000; now += 1_000) gauge.show(now, 1e9)
    for (let second = 1; second <= 10; second += 1) {
      now += 1_000
      gauge.show(60_000 + second * 1e7, 1e9)
    }
    expect(gauge.show(60_000 + 10 * 1e7, 1e9)).toContain(', 10 MB/s, 2 min left')
  })

  it('promises no end where nothing moves, and no rate after the end', () => {
    let now = 0
    const gauge = meter('bytes', () => now)
    expect(gauge.show(10, 100)).toBe('10 % of 100 B, 0 B/s')
    now = 10_000
    expect(gauge.show(10, 100)).not.toContain('left')
    expect(gauge.show(100, 100)).toBe('100 % of 100 B')
  })

  it('never shows more than the whole, nor divides by nothing', () => {
    expect(meter('bytes').show(150, 100)).toMatch(/^100 %/)
    expect(meter('bytes').show(0, 0)).toMatch(/^100 % of 0 B/)
  })

  it('counts items', () => {
    expect(meter('items').show(3, 17)).toBe('3/17')
  })
})

describe('size', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [12_345, '12 kB'],
    [1_234_567, '1.2 MB'],
    [314_159_265, '314 MB'],
    [1_500_000_000, '1.5 GB'],
    [25_000_000_000, '25 GB'],
  ])('%i bytes are %s', (bytes, text) => expect(size(bytes)).toBe(text))
})

describe('duration', () => {
  it.each([
    [0.2, '1 s'],
    [59, '59 s'],
    [60, '1 min'],
    [61, '2 min'],
    [3599, '60 min'],
    [5400, '1.5 h'],
  ])('%d s are %s', (seconds, text) => expect(duration(seconds)).toBe(text))
})

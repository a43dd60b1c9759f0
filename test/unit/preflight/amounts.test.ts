import { describe, expect, it } from 'vitest'
import { diskSize, memorySize } from '../../../agent/preflight/amounts.ts'

describe('amounts', () => {
  it('rounds the way it is told, without arithmetic dust', () => {
    expect(diskSize(5.4e9, 'up')).toBe('5.4 GB')
    expect(diskSize(5.39e9, 'down')).toBe('5.3 GB')
    expect(diskSize(5.31e9, 'up')).toBe('5.4 GB')
    expect(diskSize(1, 'up')).toBe('1 kB')
    expect(memorySize(1.5 * 1024 ** 3)).toBe('1.5 GiB')
    expect(memorySize(700 * 1024 ** 2)).toBe('700 MiB')
  })
})

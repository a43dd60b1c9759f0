import { describe, expect, it } from 'vitest'
import { placeOf, reenter } from '../../../agent/service/reentry.ts'

describe('reenter', () => {
  it('runs this same program again', () => {
    expect(reenter(['node', 'engine'])).toEqual([process.execPath, process.argv[1], 'node', 'engine'])
  })

  it('finds an executable that was replaced while it started', () => {
    expect(placeOf('/var/lib/mojabox/bin/mojabox (deleted)')).toBe('/var/lib/mojabox/bin/mojabox')
    expect(placeOf('/var/lib/mojabox/bin/mojabox')).toBe('/var/lib/mojabox/bin/mojabox')
  })
})

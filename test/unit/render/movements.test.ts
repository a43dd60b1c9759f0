import { describe, expect, it } from 'vitest'
import type { Movement } from '../../../agent/contract/report.ts'
import { lookOf } from '../../../installer/render/look.ts'
import { renderMovements } from '../../../installer/render/movements.ts'

const movement = (atMs: number, from: string, to: string, what: string, outcome: string): Movement => {
  return { atMs, tookMs: 1, from, to, what, outcome }
}
const movements = [
  movement(0, 'payer', 'account-lookup-service', 'GET /parties', '202'),
  movement(41, 'account-lookup-service', 'payee', 'GET /parties', '200'),
  movement(12_300, 'account-lookup-service', 'payer', 'PUT /parties', 'payee'),
  movement(12_400, 'payee', 'payee', 'thinks', 'well'),
]
const unicode = lookOf({ isTty: false, env: {} })
const plain = lookOf({ isTty: false, env: { LANG: 'C' } })

describe('renderMovements', () => {
  it('draws a lane for each party and an arrow for each movement', () => {
    expect(renderMovements(movements, unicode, 60).split('\n')).toEqual([
      '                         account-lookup-',
      '         payer           service         payee',
      '    0 ms │ GET /parties: 202             │',
      '         ├──────────────▶│               │',
      '   41 ms │               │ GET /parties: 200',
      '         │               ├──────────────▶│',
      '  12.3 s │ PUT /parties: payee           │',
      '         │◀──────────────┤               │',
      '  12.4 s │               │               │ thinks: well',
      '         │               │               ●',
    ])
  })

  it('needs no more than ASCII where the terminal has no more', () => {
    expect(renderMovements(movements, plain, 80)).toMatch(/^[\x20-\x7e\n]+$/)
  })

  it('is never wider than the terminal by its lanes, and a list where they do not fit', () => {
    for (const columns of [45, 60, 80, 200]) {
      const arrows = renderMovements(movements, unicode, columns)
        .split('\n')
        .filter((row) => /[▶◀]/.test(row))
      for (const row of arrows) expect(row.length).toBeLessThanOrEqual(columns)
    }
    expect(renderMovements(movements, plain, 30).split('\n')[0]).toBe(
      '    0 ms payer -> account-lookup-service: GET /parties: 202',
    )
  })

  it('says nothing of nothing', () => {
    expect(renderMovements([], unicode, 80)).toBe('')
  })
})

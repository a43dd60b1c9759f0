import { describe, expect, it } from 'vitest'
import { verdictOf } from '../../../scripts/audit/verdict.ts'

const advisory = { title: 'Header injection', url: 'https://github.com/advisories/GHSA-x', severity: 'high' }
const vulnerability = (name: string, severity: string, via: unknown[] = [advisory]) => ({
  [name]: { name, severity, isDirect: true, via, effects: [], range: '<1.2.3', nodes: [], fixAvailable: true },
})
const answered = (vulnerabilities: object) =>
  JSON.stringify({
    auditReportVersion: 2,
    vulnerabilities,
    metadata: { vulnerabilities: {}, dependencies: { prod: 62, total: 289 } },
  })

describe('what npm says of advisories', () => {
  it('fails on a high or critical one, naming package, range and advisory', () => {
    for (const severity of ['high', 'critical']) {
      expect(verdictOf(answered(vulnerability('tar', severity)))).toEqual({
        outcome: 'vulnerable',
        found: [`${severity}: tar <1.2.3: Header injection (https://github.com/advisories/GHSA-x)`],
      })
    }
  })

  it('fails on one that a package has from another', () => {
    const found = verdictOf(answered({ ...vulnerability('a', 'high', ['b']), ...vulnerability('b', 'high') }))
    expect(found).toMatchObject({
      outcome: 'vulnerable',
      found: ['high: a <1.2.3', expect.stringContaining('high: b')],
    })
  })

  it('tells lesser ones, and how many packages were asked about', () => {
    expect(verdictOf(answered(vulnerability('x', 'moderate')))).toMatchObject({
      outcome: 'clean',
      packages: 62,
      lesser: [expect.stringContaining('moderate: x')],
    })
    expect(verdictOf(answered({}))).toEqual({ outcome: 'clean', packages: 62, lesser: [] })
  })

  it.each([404, 405, 501])('is nobody’s word where the registry has no advisories (%i)', (statusCode) => {
    const said = JSON.stringify({
      message: `${statusCode} - POST bulk`,
      statusCode,
      error: { summary: '', detail: '' },
    })
    expect(verdictOf(said)).toMatchObject({ outcome: 'unasked', why: expect.stringContaining(`${statusCode}`) })
  })

  it('is nobody’s word where no registry is reached', () => {
    const said = JSON.stringify({
      error: { code: 'ENOTFOUND', summary: 'request failed, reason: getaddrinfo', detail: '' },
    })
    expect(verdictOf(said)).toMatchObject({ outcome: 'unasked', why: expect.stringContaining('ENOTFOUND') })
  })

  it.each([
    ['a registry that fails', JSON.stringify({ message: '500 Internal', statusCode: 500, error: { summary: '' } })],
    ['one that lets nobody in', JSON.stringify({ message: '401 Unauthorized', statusCode: 401 })],
    ['no word at all', ''],
    [
      'a lock file that is none',
      JSON.stringify({ error: { code: 'ENOLOCK', summary: 'This command requires an existing lockfile.' } }),
    ],
    ['an answer of another form', '{}'],
  ])('never passes for clean: %s', (_what, said) => {
    expect(() => verdictOf(said)).toThrow('asking for advisories')
  })
})

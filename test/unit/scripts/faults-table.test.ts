import { describe, expect, it } from 'vitest'
import { docsOf, tableOf } from '../../../scripts/faults/table.ts'

const good = {
  id: 'link/loss/install',
  title: '20 % | lost',
  verb: 'install',
  said: 'exit 0',
  outcome: 'well',
  seconds: 61.25,
}
const bad = {
  id: 'power/x/upgrade',
  title: 'power cut',
  verb: 'upgrade',
  error: 'AssertionError: left\nmore',
  seconds: 3,
}
const left = { id: 'power/y/upgrade', title: 'another', verb: 'upgrade' }

describe('the table of faults', () => {
  it('has a line of the same width for each row, and what failed in its first words', () => {
    const lines = tableOf([good, bad]).split('\n')
    expect(new Set(lines.map(({ length }) => length)).size).toBe(1)
    expect(lines[2]).toMatch(/^\| link +\| 20 % \\\| lost +\| install +\| exit 0 +\| well +\| 61\.\d +\|$/)
    expect(lines[3]).toMatch(/\| FAILED: AssertionError: left +\| 3\.0 +\|$/)
  })

  it('is a document that hides nothing: what failed and what was not run are counted and named', () => {
    const text = docsOf([good, bad], [good, bad, left])
    expect(text).toContain('3 rows: 1 passed, 1 failed, 1 were not run.')
    expect(text).toMatch(/## Not run\n\n- `power\/y\/upgrade`\n$/)
    expect(docsOf([good], [good])).not.toContain('## Not run')
  })
})

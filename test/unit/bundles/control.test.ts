import { describe, expect, it } from 'vitest'
import { meets, parseRelations, parseStanzas } from '../../../bundles/build/apt/control.ts'

describe('parseStanzas', () => {
  it('joins continuation lines and leaves comments out', () => {
    const text = 'A: 1\nB:\n one\n two\n# no\nC: x: y\n\n\nA: 2\n'
    expect(parseStanzas(text)).toEqual([{ A: '1', B: '\none\ntwo', C: 'x: y' }, { A: '2' }])
  })
})

describe('parseRelations', () => {
  it('reads alternatives, versions and architecture qualifiers', () => {
    expect(parseRelations('python3:any (>= 3.8~), a | b (<< 2), c [amd64]')).toEqual([
      [{ name: 'python3', version: { operator: '>=', value: '3.8~' } }],
      [
        { name: 'a', version: undefined },
        { name: 'b', version: { operator: '<<', value: '2' } },
      ],
      [{ name: 'c', version: undefined }],
    ])
  })

  it('gives nothing for an absent field', () => {
    expect(parseRelations(undefined)).toEqual([])
    expect(parseRelations('  ')).toEqual([])
  })
})

describe('meets', () => {
  const [provides = []] = parseRelations('mail-agent, tool (= 2)')
  const provider = { name: 'exim', version: '4', provides: [...provides, ...(parseRelations('tool (= 2)')[0] ?? [])] }
  const relation = (text: string) => {
    const found = parseRelations(text)[0]?.[0]
    if (found === undefined) throw new Error(text)
    return found
  }

  it('takes what a package provides, by version only where it states one', () => {
    expect(meets(relation('mail-agent'), provider)).toBe(true)
    expect(meets(relation('mail-agent (>= 1)'), provider)).toBe(false)
    expect(meets(relation('tool (>= 2)'), provider)).toBe(true)
    expect(meets(relation('tool (>= 3)'), provider)).toBe(false)
  })
})

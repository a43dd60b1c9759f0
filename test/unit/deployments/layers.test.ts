import { describe, expect, it } from 'vitest'
import { type Merged, mergeLayers } from '../../../agent/deployments/core-test-harness/layers.ts'

const origins = ({ values }: Merged) => Object.fromEntries(values.map(({ path, origin }) => [path.join('.'), origin]))
const over = (under: object, above: object) =>
  mergeLayers([
    { origin: 'upstream', tree: { ...under } },
    { origin: 'site', tree: { ...above } },
  ])

describe('mergeLayers', () => {
  it('lays maps over each other key by key, and knows where each value comes from', () => {
    const merged = over({ a: { b: 1, c: 2 } }, { a: { c: 3, d: 4 } })
    expect(merged.tree).toEqual({ a: { b: 1, c: 3, d: 4 } })
    expect(origins(merged)).toEqual({ 'a.b': 'upstream', 'a.c': 'site', 'a.d': 'site' })
  })

  it('takes an environment as a map or as a list', () => {
    const { tree } = over({ environment: { A: '1', B: '2' } }, { environment: ['B=3', 'C=x=y', 'D'] })
    expect(tree).toEqual({ environment: { A: '1', B: '3', C: 'x=y', D: null } })
  })

  it('lets lists grow, and names both sides', () => {
    const merged = over({ cap_drop: ['A'] }, { cap_drop: ['B', 'A'] })
    expect(merged.tree).toEqual({ cap_drop: ['B', 'A'] })
    expect(origins(merged)).toEqual({ cap_drop: 'upstream, site' })
  })

  it('puts a volume in the place of the one that was mounted there', () => {
    const mount = { type: 'bind', source: '/x', target: '/data' }
    expect(over({ volumes: ['a:/data', 'b:/logs:ro'] }, { volumes: [mount] }).tree).toEqual({
      volumes: ['b:/logs:ro', mount],
    })
  })

  it('takes a member for a member, whatever it is called, and changes no object but its own', () => {
    const above = JSON.parse(
      '{"services":{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}}',
    )
    const { tree } = over({ services: {} }, above)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect(JSON.stringify(tree)).toBe(JSON.stringify(above))
  })

  it('replaces commands whole', () => {
    const { tree } = over(
      { command: ['a', 'b'], healthcheck: { test: ['x'], retries: 3 } },
      { command: ['c'], healthcheck: { test: ['y'] } },
    )
    expect(tree).toEqual({ command: ['c'], healthcheck: { test: ['y'], retries: 3 } })
  })

  it('changes nothing of what it is given', () => {
    const under = { a: { list: [1] } }
    const above = { a: { list: [2] } }
    mergeLayers([
      { origin: 'x', tree: under },
      { origin: 'y', tree: above },
    ])
    expect([under, above]).toEqual([{ a: { list: [1] } }, { a: { list: [2] } }])
  })
})

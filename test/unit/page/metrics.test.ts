import { describe, expect, it } from 'vitest'
import { writeMetrics } from '../../../agent/page/metrics.ts'
import { pageMetrics } from '../../../agent/page/page-metrics.ts'
import { failingScene, wellScene } from '../../integration/page/fixture-page.ts'

/** The text format's grammar: https://prometheus.io/docs/instrumenting/exposition_formats/ */
const SAMPLE =
  /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="(\\["\\n]|[^"\\\n])*"(,(?=[a-zA-Z_]))?)+\})? (NaN|[+-]Inf|-?\d+(\.\d+)?(e[+-]?\d+)?)$/

describe('writeMetrics', () => {
  it('writes help, type and samples', () => {
    expect(
      writeMetrics([
        { name: 'a_bytes', help: 'How much.', samples: [{ value: 1.5 }] },
        { name: 'b_total', help: 'How often.', type: 'counter', samples: [{ labels: { x: 'y', z: '1' }, value: 2 }] },
      ]),
    ).toBe(
      '# HELP a_bytes How much.\n# TYPE a_bytes gauge\na_bytes 1.5\n' +
        '# HELP b_total How often.\n# TYPE b_total counter\nb_total{x="y",z="1"} 2\n',
    )
  })

  it('escapes what a label may hold, and what a help text may', () => {
    const text = writeMetrics([{ name: 'a', help: 'x\\y\nz', samples: [{ labels: { l: 'q"u\\o\nte' }, value: 0 }] }])
    expect(text).toBe('# HELP a x\\\\y\\nz\n# TYPE a gauge\na{l="q\\"u\\\\o\\nte"} 0\n')
  })

  it('leaves out what is not known, and families of nothing', () => {
    const samples = [
      { labels: { s: 'a' }, value: null },
      { labels: { s: 'b' }, value: 1 },
    ]
    expect(writeMetrics([{ name: 'a', help: 'h', samples }])).toBe('# HELP a h\n# TYPE a gauge\na{s="b"} 1\n')
    expect(writeMetrics([{ name: 'a', help: 'h', samples: [{ value: null }] }])).toBe('')
  })

  it('writes numbers as Prometheus reads them', () => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21, -0.5]
    const lines = writeMetrics([{ name: 'a', help: 'h', samples: values.map((value) => ({ value })) }]).split('\n')
    expect(lines.slice(2, -1)).toEqual(['a NaN', 'a +Inf', 'a -Inf', 'a 1e+21', 'a -0.5'])
  })
})

describe('pageMetrics', () => {
  const well = wellScene()
  const entry = (level: string, passed: boolean) => ({
    run: 'r',
    at: '2027-01-01T00:00:00Z',
    seconds: 1,
    passed,
    by: 'agent' as const,
    failed: [],
    levels: [{ level, passed, cases: 1, movements: 0 }],
  })

  it('is text that Prometheus can read', () => {
    const lines = pageMetrics(well.status, [entry('services', true)])
      .trimEnd()
      .split('\n')
    expect(lines.length).toBeGreaterThan(40)
    for (const line of lines.filter((one) => !one.startsWith('# '))) expect(line).toMatch(SAMPLE)
  })

  it('names each family once, before its samples', () => {
    const lines = pageMetrics(well.status, []).trimEnd().split('\n')
    const families = lines.filter((line) => line.startsWith('# TYPE ')).map((line) => line.split(' ')[2])
    expect(new Set(families).size).toBe(families.length)
    expect(families.every((name) => name?.startsWith('mojabox_'))).toBe(true)
  })

  it('tells a hub that is well from one that is not', () => {
    expect(pageMetrics(well.status, [])).toContain('\nmojabox_hub_up 1\n')
    const ill = pageMetrics(failingScene().status, [])
    expect(ill).toContain('\nmojabox_hub_up 0\n')
    expect(ill).toContain('mojabox_service_healthy{service="kafka"} 0\n')
    expect(ill).toContain('mojabox_service_healthy{service="mysql"} 1\n')
    expect(ill).toContain('mojabox_service_healthy{service="central-ledger-migrator"} 1\n')
  })

  it('takes for each level the newest validation that had it', () => {
    const text = pageMetrics(well.status, [entry('services', false), entry('ledger', true), entry('services', true)])
    expect(text).toContain('mojabox_validation_passed{level="services"} 0\n')
    expect(text).toContain('mojabox_validation_passed{level="ledger"} 1\n')
  })

  it('says nothing of validations before there was one', () => {
    const text = pageMetrics({ ...well.status, validation: null, nextValidationAt: null }, [])
    expect(text).not.toContain('mojabox_validation_')
  })
})

import { z } from 'zod'
import type { TestCase } from './results.ts'

const Assertion = z.looseObject({
  description: z.string().default('assertion'),
  resultStatus: z.looseObject({ status: z.string(), message: z.unknown().optional() }).optional(),
})
const Tests = z.looseObject({ assertions: z.array(Assertion).default([]) })
const Report = z.looseObject({
  test_cases: z.array(
    z.looseObject({
      name: z.string().default('case'),
      requests: z
        .array(
          z.looseObject({
            description: z.string().optional(),
            request: z.looseObject({ description: z.string().optional(), tests: Tests.optional() }).optional(),
            tests: Tests.optional(),
          }),
        )
        .default([]),
    }),
  ),
})

/** The toolkit's JSON report: one case an assertion, in the group of its case and request. @throws when it is none */
export function parseToolkitReport(text: string): TestCase[] {
  return Report.parse(JSON.parse(text)).test_cases.flatMap(({ name, requests }) =>
    requests.flatMap(({ description, request, tests }) => {
      const group = [name, request?.description ?? description].filter(Boolean).join(' > ')
      return (request?.tests ?? tests ?? { assertions: [] }).assertions.map((assertion): TestCase => {
        const result = assertion.resultStatus?.status ?? 'SKIPPED'
        const status = result === 'SUCCESS' ? 'pass' : result === 'SKIPPED' ? 'skip' : 'fail'
        const message = status === 'fail' ? String(assertion.resultStatus?.message ?? result) : ''
        return { group, name: assertion.description, status, seconds: 0, message }
      })
    }),
  )
}

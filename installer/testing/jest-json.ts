import { stripVTControlCharacters } from 'node:util'
import { z } from 'zod'
import type { TestCase } from './results.ts'

const Results = z.object({
  testResults: z.array(
    z.object({
      name: z.string().default(''),
      message: z.string().default(''),
      status: z.string().default(''),
      assertionResults: z.array(
        z.object({
          ancestorTitles: z.array(z.string()).default([]),
          title: z.string(),
          status: z.string(),
          duration: z.number().nullish(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
})

/** Results in Jest's JSON, which Vitest writes too; paths are told from `root`. */
export function parseJestJson(text: string, root: string): TestCase[] {
  return Results.parse(JSON.parse(text)).testResults.flatMap((file) => {
    const path = file.name.startsWith(`${root}/`) ? file.name.slice(root.length + 1) : file.name
    const cases = file.assertionResults.map((each): TestCase => {
      const status = each.status === 'passed' ? 'pass' : each.status === 'failed' ? 'fail' : 'skip'
      const message = stripVTControlCharacters((each.failureMessages ?? []).join('\n'))
      const group = [path, ...each.ancestorTitles].join(' > ')
      return { group, name: each.title, status, seconds: (each.duration ?? 0) / 1000, message }
    })
    // A file that does not load has no test of its own.
    if (cases.length > 0 || file.status !== 'failed') return cases
    const message = stripVTControlCharacters(file.message)
    return [{ group: path, name: 'the file loads', status: 'fail' as const, seconds: 0, message }]
  })
}

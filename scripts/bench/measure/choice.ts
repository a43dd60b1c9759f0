import { parseArgs } from 'node:util'

/** What of a group is measured, and how often; each group has its defaults. */
export interface Choice {
  repetitions?: number
  only?: string[]
  suites?: string[]
}

/**
 * Reads `GROUP... [--repetitions N] [--only A,B] [--suites A,B]`.
 * @throws Error for a flag or a number that makes no sense
 */
export function readCommandLine(args: string[]): { groups: string[]; choice: Choice } {
  const text = { type: 'string' } as const
  const options = { repetitions: text, only: text, suites: text }
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const repetitions = values.repetitions === undefined ? undefined : Number(values.repetitions)
  if (repetitions !== undefined && (!Number.isInteger(repetitions) || repetitions < 1))
    throw new Error(`--repetitions ${values.repetitions}: a whole number from 1 on is needed`)
  return {
    groups: positionals,
    choice: {
      ...(repetitions !== undefined && { repetitions }),
      ...(values.only !== undefined && { only: values.only.split(',') }),
      ...(values.suites !== undefined && { suites: values.suites.split(',') }),
    },
  }
}

/** Those of `all` that are named, or all. @throws Error for a name that none has */
export function choose<T>(flag: string, all: readonly T[], nameOf: (each: T) => string, names?: string[]): T[] {
  const unknown = names?.find((name) => !all.some((each) => nameOf(each) === name))
  if (unknown !== undefined) throw new Error(`--${flag} ${unknown}: there are ${all.map(nameOf).join(', ')}`)
  return names ? all.filter((each) => names.includes(nameOf(each))) : [...all]
}

import { InvalidArgumentError } from 'commander'

/** Collects an option that may be given several times, or once with commas. */
export function collectNames(value: string, before: string[]): string[] {
  return [...before, ...value.split(',').filter(Boolean)]
}

/** Collects `KEY=VALUE` options. */
export function collectPairs(value: string, before: Record<string, string>): Record<string, string> {
  const at = value.indexOf('=')
  if (at < 1 || at === value.length - 1) throw new InvalidArgumentError('needed: KEY=VALUE')
  return { ...before, [value.slice(0, at)]: value.slice(at + 1) }
}

export function positiveInteger(value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1 || number > 64)
    throw new InvalidArgumentError('needed: a number from 1 to 64')
  return number
}

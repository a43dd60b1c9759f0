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

const UNIT_BYTES: Record<string, number> = { '': 1, k: 1e3, m: 1e6, g: 1e9, ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30 }

/** Bytes of a size such as `4G` (decimal, as sticks are sold), `3.5G`, `4000Mi` or `4000000000`. */
export function byteSize(value: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([kmg]?i?)b?$/i.exec(value) ?? []
  const bytes = Math.floor(Number(number) * (UNIT_BYTES[unit.toLowerCase()] ?? Number.NaN))
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw new InvalidArgumentError('needed: a size such as 4G or 700M')
  return bytes
}

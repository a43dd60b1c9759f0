const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Bytes for a person, in decimal units: `512 B`, `3.4 MB`, `101 GB`. */
export function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

/** Whether a version is at least another, by its leading numbers: `20.10.24+dfsg1`, `6.1.0-44-amd64`, `v2.26.1`. */
export function isAtLeast(version: string, lowest: string): boolean {
  const have = numbersOf(version)
  const want = numbersOf(lowest)
  for (const [at, number] of want.entries()) {
    const own = have[at] ?? 0
    if (own !== number) return own > number
  }
  return true
}

function numbersOf(version: string): number[] {
  const leading = /^v?(\d+(?:\.\d+)*)/.exec(version)?.[1] ?? ''
  return leading.split('.').map(Number)
}

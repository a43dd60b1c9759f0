type Rounding = 'nearest' | 'up' | 'down'

/**
 * Disk sizes as people buy them: 1 GB is 10⁹ bytes. Round what is there down and what is wanted up, so that a
 * shortfall never reads like enough.
 */
export function diskSize(bytes: number, rounding: Rounding = 'nearest'): string {
  const [unit, size] =
    bytes >= 1e9 ? (['GB', 1e9] as const) : bytes >= 1e6 ? (['MB', 1e6] as const) : (['kB', 1e3] as const)
  return `${rounded(bytes / size, unit === 'GB' ? 1 : 0, rounding)} ${unit}`
}

/** Memory as the kernel counts it: 1 GiB is 2³⁰ bytes. */
export function memorySize(bytes: number, rounding: Rounding = 'nearest'): string {
  return bytes >= 1024 ** 3
    ? `${rounded(bytes / 1024 ** 3, 1, rounding)} GiB`
    : `${rounded(bytes / 1024 ** 2, 0, rounding)} MiB`
}

function rounded(value: number, digits: number, rounding: Rounding): string {
  const scale = 10 ** digits
  const round = { nearest: Math.round, up: Math.ceil, down: Math.floor }[rounding]
  // 5.4 times 10 is a hair over 54.
  return (round(Number((value * scale).toPrecision(12))) / scale).toFixed(digits)
}

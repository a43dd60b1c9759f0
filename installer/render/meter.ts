/** Shows how far something is: share, rate and time left, the rate taken over the last seconds. */
export function meter(unit: 'bytes' | 'items', now: () => number = Date.now) {
  const WINDOW_MS = 5_000
  const samples: { at: number; done: number }[] = []
  return {
    show(done: number, total: number): string {
      const at = now()
      samples.push({ at, done })
      while (samples.length > 2 && (samples[0]?.at ?? at) < at - WINDOW_MS) samples.shift()
      const first = samples[0] ?? { at, done }
      const perSecond = at > first.at ? ((done - first.done) * 1000) / (at - first.at) : 0
      if (unit === 'items') return `${done}/${total}`
      const share = total > 0 ? Math.min(100, Math.floor((done * 100) / total)) : 100
      if (done >= total) return `${share} % of ${size(total)}`
      const left = perSecond > 0 ? `, ${duration((total - done) / perSecond)} left` : ''
      return `${share} % of ${size(total)}, ${size(perSecond)}/s${left}`
    },
  }
}

/** Decimal, as disks and links are sold: `314 MB`. */
export function size(bytes: number): string {
  for (const [limit, name] of [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ] as const) {
    if (bytes >= limit) return `${(bytes / limit).toFixed(bytes >= 10 * limit ? 0 : 1)} ${name}`
  }
  return `${Math.round(bytes)} B`
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}

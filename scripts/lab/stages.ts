/** Says what begins and how long it took; keeps the times for a summary. */
export function stages() {
  const times: { name: string; seconds: number }[] = []
  return {
    async stage<T>(name: string, work: () => Promise<T>): Promise<T> {
      process.stdout.write(`\n== ${name}\n`)
      const startedAt = Date.now()
      const result = await work()
      const seconds = (Date.now() - startedAt) / 1000
      times.push({ name, seconds })
      process.stdout.write(`== ${name}: ${seconds.toFixed(1)} s\n`)
      return result
    },
    summary(): string {
      const width = Math.max(...times.map(({ name }) => name.length))
      const total = times.reduce((sum, { seconds }) => sum + seconds, 0)
      const rows = [...times, { name: 'in all', seconds: total }]
      return rows.map(({ name, seconds }) => `  ${name.padEnd(width)} ${seconds.toFixed(1).padStart(7)} s\n`).join('')
    },
  }
}

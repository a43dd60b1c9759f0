import { readFile } from 'node:fs/promises'

/** When PID 1 started, ISO 8601: in a container that is its own boot, not the machine's around it. See proc(5). */
export async function bootTime(): Promise<string> {
  const CLOCK_TICKS_PER_SECOND = 100
  const [machine, init] = await Promise.all([readFile('/proc/stat', 'utf8'), readFile('/proc/1/stat', 'utf8')])
  const bootSeconds = Number(/^btime (\d+)$/m.exec(machine)?.[1] ?? 0)
  // The 22nd field; the second one, a name in brackets, may hold blanks.
  const startTicks = Number(init.slice(init.lastIndexOf(')') + 2).split(' ')[19] ?? 0)
  return new Date((bootSeconds + startTicks / CLOCK_TICKS_PER_SECOND) * 1000).toISOString()
}

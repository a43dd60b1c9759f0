import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

/** One measured figure of the benchmark. */
export interface Figure {
  id: string
  value: number
  unit: string
  /** The largest value that is good. */
  limit: number
  ok: boolean
}

export interface StartOptions {
  /** Path of the executable that is measured. */
  executable: string
  /** Path of the bare Node it was made from; `nodeBinary` of scripts/build gives it. */
  node: string
  /** Arguments of an ordinary command: one that loads the application and prints without asking a host. */
  command: string[]
  /** Rounds, each running every command line in turn; at least 15 for a steady median. */
  rounds?: number
}

/** Starts a round measures together: more make one figure finer than the clock's millisecond. */
const STARTS_A_ROUND = 4

/**
 * How long the executable takes to start, as a ratio to `node -e 0` of the same Node: CPU time (user and system) of
 * its process, so that other work on the machine counts little. The rounds alternate and the middle one counts.
 */
export async function measureStart(options: StartOptions): Promise<Figure[]> {
  const { executable, node, command, rounds = 21 } = options
  const commandLines = {
    bare: [node, '-e', '0'],
    version: [executable, '--version'],
    command: [executable, ...command],
  }
  const measured = { bare: [] as number[], version: [] as number[], command: [] as number[] }
  const names = ['bare', 'version', 'command'] as const
  for (const name of names) await cpuSeconds(commandLines[name])
  for (let round = 0; round < rounds; round++) {
    for (const name of names) measured[name].push(await cpuSeconds(commandLines[name]))
  }
  const bare = median(measured.bare)
  return [
    figure('start.version', median(measured.version) / bare, 1.1),
    figure('start.command', median(measured.command) / bare, 1.3),
  ]
}

/** CPU seconds of some starts of a command line; bash's own clock, as Node has none for its ended children. */
async function cpuSeconds(commandLine: string[]): Promise<number> {
  const starts = Array.from({ length: STARTS_A_ROUND }, () => '"$@" >/dev/null || exit').join('; ')
  const script = `TIMEFORMAT='%3U %3S'; time { ${starts}; }`
  const { stderr } = await execFileAsync('bash', ['-c', script, 'bash', ...commandLine], { timeout: 60_000 })
  const seconds = stderr.trim().split(' ').map(Number)
  if (seconds.length !== 2 || seconds.some(Number.isNaN)) throw new Error(`measuring ${commandLine[0]}: got ${stderr}`)
  return seconds.reduce((sum, part) => sum + part, 0)
}

function figure(id: string, ratio: number, limit: number): Figure {
  const value = Math.round(ratio * 1000) / 1000
  return { id, value, unit: 'x bare node', limit, ok: value <= limit }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low = Number.NaN, high = Number.NaN] =
    sorted.length % 2 ? [sorted[middle], sorted[middle]] : sorted.slice(middle - 1)
  return (low + high) / 2
}

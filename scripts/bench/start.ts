import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { nodeBinary } from '../build/node-binary.ts'
import type { Group } from './measure/bench.ts'
import { type Figure, figure, median } from './measure/figure.ts'

const execFileAsync = promisify(execFile)

interface StartOptions {
  /** Path of the executable that is measured. */
  executable: string
  /** Path of the bare Node it was made from; `nodeBinary` of scripts/build gives it. */
  node: string
  /** Arguments of an ordinary command: one that loads the application and prints without asking a host. */
  command: string[]
  /** Rounds, each running every command line in turn; at least 15 for a steady median. */
  rounds?: number
}

/** An ordinary command: it loads the application, reads a file and prints, and asks no host. */
const COMMAND = ['install', '--help']

export const start: Group = {
  needsLab: false,
  measure: async ({ executable }) =>
    measureStart({ executable, node: await nodeBinary('linux-x64'), command: COMMAND }),
}

/** Starts a round measures together: more make one figure finer than the clock's millisecond. */
const STARTS_A_ROUND = 4

/**
 * How long the executable takes to start, as a ratio to `node -e 0` of the same Node: CPU time (user and system) of
 * its process, so that other work on the machine counts little. The rounds alternate and the middle one counts.
 */
async function measureStart(options: StartOptions): Promise<Figure[]> {
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
    figure('start.version', median(measured.version) / bare, 'x bare node', { limit: 1.1 }),
    figure('start.command', median(measured.command) / bare, 'x bare node', { limit: 1.3 }),
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

/** A row of the matrix. */
export interface FaultPlan {
  id: string
  title: string
  verb: string
}

/** A row that was run; without `error` it passed. */
export interface FaultResult extends FaultPlan {
  said?: string
  outcome?: string
  error?: string
  seconds: number
}

const HEAD = ['group', 'fault', 'verb', 'the command said', 'outcome', 'seconds']

const INTRODUCTION = `# Faults

What was done to an install and to an upgrade while they were at it, on real hosts, and what came of it. This file is made by
\`npm run faults -- --write-docs\`. Of every row is asserted: the command ended as it must, the same command again brought the
hub to its end and validated it, a third run changed nothing, the ledger had every participant and balance that it had before,
and no temporary file, process, half-configured package or name of an image was left. \`test/faults/README.md\` says how a row is
added.

The upgrade is to a bundle that makes every container anew, brings an image, a topic, a secret, a key pair, certificates, a
folder, and another limit. Rows of one kind share a command where they do not disturb each other (an engine is killed at all
steps of one install, say); their seconds are then the first one's.

What this is not: the hosts are containers with this machine's kernel. A power cut ends every process at once, but what was
written is there afterwards: a missing sync does not show. There is no machine with a disk of its own in it, no failing
sectors, no clock of the host's own (the engine's and the desk's are shifted, those of other programs are not).
`

/** The table for a terminal, and for Markdown: its columns are aligned. */
export function tableOf(rows: readonly FaultResult[]): string {
  const cells = [HEAD, ...rows.map(cellsOf)]
  const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...rest] = cells
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rest.map(line)].join('\n')
}

/** The text of docs/faults.md: what was run, and the rows of the matrix that were not. */
export function docsOf(rows: readonly FaultResult[], all: readonly FaultPlan[]): string {
  const failed = rows.filter(({ error }) => error !== undefined).length
  const left = all.filter(({ id }) => !rows.some((row) => row.id === id))
  const count = `${all.length} rows: ${rows.length - failed} passed, ${failed} failed, ${left.length} were not run.`
  const notRun = left.length === 0 ? '' : `\n## Not run\n\n${left.map(({ id }) => `- \`${id}\`\n`).join('')}`
  return `${INTRODUCTION}\n${count}\n\n${tableOf(rows)}\n${notRun}`
}

function cellsOf({ id, title, verb, said, outcome, error, seconds }: FaultResult): string[] {
  const [group = ''] = id.split('/')
  const failure = error?.split('\n')[0]?.slice(0, 160)
  const cells = [
    group,
    title,
    verb,
    said ?? '',
    failure === undefined ? (outcome ?? '') : `FAILED: ${failure}`,
    seconds.toFixed(1),
  ]
  return cells.map((cell) => cell.replaceAll('|', '\\|'))
}

import type { CheckResult } from '../../agent/contract/check.ts'
import type { PlannedStep } from '../../agent/contract/events.ts'
import type { ErrorFacts } from '../../bundles/format/error.ts'
import { type Look, TONES } from './look.ts'

/** Text broken at blanks to fit `columns`; the lines after the first begin with `indent` blanks. */
export function wrapped(text: string, columns: number, indent = 0): string {
  const width = Math.max(20, columns - 1)
  return text
    .split('\n')
    .map((line) => {
      const rows: string[] = []
      const [lead = ''] = /^ */.exec(line) ?? []
      let row = lead
      for (const word of line.trim().split(/ +/)) {
        if (row.trim() !== '' && row.length + 1 + word.length > width) {
          rows.push(row)
          row = ' '.repeat(lead.length + indent) + word
        } else row += row.trim() === '' ? word : ` ${word}`
      }
      return [...rows, row].join('\n')
    })
    .join('\n')
}

/** A text in one line of at most so many letters. */
export function brief(text: string, most: number): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= most ? line : `${line.slice(0, most - 3)}...`
}

/** Of an explanation, as much as leaves room for the next question; letters. */
const MOST = 400

/** An answer that cannot be, or a deed that failed, while the wizard goes on. */
export function problemText(
  { message, found, needed, next }: Pick<ErrorFacts, 'message' | 'found' | 'needed' | 'next'>,
  look: Look,
  columns: number,
  status: 'fail' | 'warn' = 'fail',
): string {
  const parts = [
    ...(found ? [labelled('  found:  ', brief(found, MOST), columns)] : []),
    ...(needed ? [labelled('  needed: ', brief(needed, MOST), columns)] : []),
    ...(next ? [labelled('  next:   ', next, columns)] : []),
  ]
  const mark = look.marks[status]
  const head = wrapped(`${mark} ${brief(message, MOST)}`, columns, 2).slice(mark.length)
  return `${[look.paint(TONES[status], mark) + head, ...parts].join('\n')}\n`
}

/** A check that failed or warns, of that host where there are several. */
export function checkText(
  { status, title, found, needed, fix }: CheckResult,
  host: string | undefined,
  look: Look,
  columns: number,
): string {
  const message = host === undefined ? title : `${host}: ${title}`
  return problemText({ message, found, needed, next: fix }, look, columns, status === 'warn' ? 'warn' : 'fail')
}

/** Text behind a label, its further lines below its first. */
function labelled(label: string, text: string, columns: number): string {
  return label + wrapped(text, columns - label.length).replaceAll('\n', `\n${' '.repeat(label.length)}`)
}

/** What was planned and found for one host. */
export interface HostPlan {
  host: string
  checks: CheckResult[]
  steps: PlannedStep[]
}

/** Findings that a plan begins with: what there is room for, and whose Docker it will be. */
const SHOWN_CHECKS = ['memory', 'disk', 'docker']

/** Several steps of a kind in one line; other kinds keep a line a step. */
const TOGETHER: Record<string, (count: number) => string> = {
  secret: (count) => `make ${count} passwords, known to this host only`,
  file: (count) => `write ${count} configuration files`,
  participant: (count) => `set up ${count} test DFSPs, with funds`,
}

const ALONE: Record<string, (title: string) => string> = {
  store: (title) => `put ${title}`,
  packages: (title) => `install ${title}`,
  images: (title) => `put ${title}`,
  secret: (title) => `make ${title}`,
  file: (title) => `write ${title}`,
  compose: (title) => `start ${title}`,
  topics: (title) => `make ${title}`,
  'hub-accounts': (title) => `set up ${title}`,
  'settlement-model': (title) => `set up ${title}`,
  participant: (title) => `set up ${title}`,
  link: (title) => `add the command ${title}`,
  user: (title) => `add ${title}`,
  unit: (title) => `have ${title}`,
}

/** What would be done on one host, in plain words. */
export function planText({ host, checks, steps }: HostPlan, look: Look, columns: number): string {
  const shown = checks.filter(({ id }) => SHOWN_CHECKS.includes(id))
  const left = steps.filter(({ done }) => !done)
  const findings = shown.map(({ title, found }) => wrapped(`  ${title}: ${found}`, columns, 2))
  const lines = sentences(left).map((sentence, at) => wrapped(`${String(at + 1).padStart(3)}. ${sentence}`, columns, 2))
  const head =
    left.length === 0
      ? `On ${host} nothing is left to do; the hub will be proven again.`
      : `The plan for ${host}: ${left.length} step${left.length === 1 ? '' : 's'}${left.length < steps.length ? `, ${steps.length - left.length} are done already` : ''}.`
  const foot = [
    ...(left.length > 0 ? [`${String(lines.length + 1).padStart(3)}. prove the hub`] : []),
    wrapped('Nothing else on it is touched; `mojabox uninstall` takes all of it back.', columns),
  ]
  return `${[look.paint('bold', head), ...findings, ...lines, ...foot].join('\n')}\n`
}

/** In the order of the first step of each kind. */
function sentences(steps: readonly PlannedStep[]): string[] {
  const kinds = new Map<string, PlannedStep[]>()
  for (const step of steps) {
    const key = step.kind in TOGETHER ? step.kind : step.id
    kinds.set(key, [...(kinds.get(key) ?? []), step])
  }
  return [...kinds.values()].map((group) => {
    const [first] = group
    const { kind = '', title = '' } = first ?? {}
    const together = group.length > 1 ? TOGETHER[kind]?.(group.length) : undefined
    return together ?? ALONE[kind]?.(title) ?? title
  })
}

/** What is to be opened and typed now that the hub runs. */
export function endText(
  facts: { hosts: string[]; siteFile: string; commands: readonly string[] },
  look: Look,
  columns: number,
): string {
  const opens: [string, string][] = [['mojabox open', "the hub's page, in a browser"]]
  const types: [string, string][] = [
    ['mojabox status', 'services, the last validation, the agent'],
    ['mojabox validate', 'proves the hub again'],
    ['mojabox uninstall', 'takes it away'],
  ]
  const known = ([command]: [string, string]) => facts.commands.includes(command.split(' ')[1] ?? '')
  const row = ([command, words]: [string, string]) => labelled(`    ${command.padEnd(20)}`, words, columns)
  const part = (title: string, rows: [string, string][]) => (rows.length > 0 ? [title, ...rows.map(row)] : [])
  const { siteFile } = facts
  return `${[
    look.paint('bold', wrapped(`The hub runs and is proven on ${facts.hosts.join(', ')}.`, columns)),
    ...part('  Open:', opens.filter(known)),
    ...part('  Type next:', types.filter(known)),
    wrapped(`  Kept: ${siteFile}; \`mojabox install -f ${siteFile}\` does the same again.`, columns, 2),
  ].join('\n')}\n`
}

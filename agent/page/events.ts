import type { HistoryLine } from './history.ts'
import type { ReportEntry } from './reports.ts'

export interface PageEvent {
  at: string
  tone: 'good' | 'bad' | 'plain'
  text: string
}

export interface EventSources {
  lines: readonly HistoryLine[]
  reports: readonly ReportEntry[]
  /** When node.json was written, and what it says: the last install that changed something. */
  installed: { at: string; text: string } | undefined
  bootedAt: string
}

const SHOWN = 50

/**
 * What happened lately, newest first, at most 50: changes of the hub's state and of its services, validations that
 * failed, the first that passes again, validations that somebody asked for, starts of the agent and of the host, the
 * last install. The engine's journal is not read: it may hold what files said before. Pure.
 */
export function recentEvents({ lines, reports, installed, bootedAt }: EventSources): PageEvent[] {
  const events = [...changes(lines), ...validations(lines), ...asked(reports)]
  if (installed) events.push({ ...installed, tone: 'plain' })
  events.push({ at: bootedAt, tone: 'plain', text: 'The host booted' })
  return events.sort((left, right) => Date.parse(right.at) - Date.parse(left.at)).slice(0, SHOWN)
}

const HUB = { up: 'up', starting: 'starting', degraded: 'degraded', down: 'down' }

function changes(lines: readonly HistoryLine[]): PageEvent[] {
  const events: PageEvent[] = []
  let before: Extract<HistoryLine, { kind: 'look' }> | undefined
  for (const line of lines) {
    if (line.kind === 'agent')
      events.push({ at: line.at, tone: 'plain', text: `The agent started (mojabox ${line.version})` })
    if (line.kind !== 'look') continue
    if (line.hub !== before?.hub) {
      const tone = line.hub === 'up' ? 'good' : line.hub === 'starting' ? 'plain' : 'bad'
      events.push({ at: line.at, tone, text: `The hub is ${HUB[line.hub]}` })
    }
    const was = before?.ill ?? {}
    for (const [service, words] of Object.entries(line.ill)) {
      if (was[service] !== words) events.push({ at: line.at, tone: 'bad', text: `${service} is ${words}` })
    }
    for (const service of Object.keys(was)) {
      if (!(service in line.ill)) events.push({ at: line.at, tone: 'good', text: `${service} is well again` })
    }
    before = line
  }
  return events
}

/** When they begin to fail, fail at something else, or pass again. */
function validations(lines: readonly HistoryLine[]): PageEvent[] {
  let before = ''
  return lines.flatMap((line): PageEvent[] => {
    if (line.kind !== 'validation') return []
    const now = line.passed ? '' : line.failed.slice(0, 3).join('”, “') || 'see its report'
    if (now === before) return []
    before = now
    return now === ''
      ? [{ at: line.at, tone: 'good', text: 'Validation passes again' }]
      : [{ at: line.at, tone: 'bad', text: `Validation failed at “${now}”` }]
  })
}

function asked(reports: readonly ReportEntry[]): PageEvent[] {
  return reports
    .filter(({ by, passed }) => by === 'desk' && passed)
    .map(({ at, levels }) => ({
      at,
      tone: 'good',
      text: `Validated on request: ${levels.map(({ level }) => level).join(', ')}`,
    }))
}

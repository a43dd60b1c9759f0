import type { NodeStatus } from '../contract/status.ts'
import type { HistoryLine } from './history.ts'

/** A look that changes nothing is written this often, so that silence means that nobody looked. */
export const HEARTBEAT_MS = 5 * 60 * 1000

type Seen = NodeStatus['hub']

export interface Cell {
  /** The worst that was seen; null when nobody looked. */
  hub: Seen | null
  passed: number
  failed: number
}

export interface Outage {
  from: string
  /** Null while it lasts. */
  to: string | null
  hub: Seen
  services: string[]
}

/** The last 24 hours in a shape to draw and to read out. */
export interface Day {
  from: string
  to: string
  cellSeconds: number
  cells: Cell[]
  /** Seconds in each state, as far as somebody looked. */
  seconds: Record<Seen | 'unseen', number>
  validations: { passed: number; failed: number }
  /** When the hub was not up, newest first; at most 50. */
  outages: Outage[]
}

const DAY_MS = 24 * 3600 * 1000
const CELL_MS = 10 * 60 * 1000
const BADNESS: Seen[] = ['up', 'starting', 'degraded', 'down']
const MAX_OUTAGES = 50

interface Span {
  fromMs: number
  toMs: number
  hub: Seen
  services: string[]
}

/** Sums up what the agent remembers. Pure. */
export function sumUpDay(lines: readonly HistoryLine[], nowMs: number): Day {
  // Cells begin at round times, so that they do not change under a reader's eyes; the last one is not over yet.
  const endMs = Math.ceil(nowMs / CELL_MS) * CELL_MS
  const startMs = endMs - DAY_MS
  const cells = Array.from({ length: DAY_MS / CELL_MS }, (): Cell => ({ hub: null, passed: 0, failed: 0 }))
  const seconds: Day['seconds'] = { up: 0, starting: 0, degraded: 0, down: 0, unseen: 0 }
  const spans = spansOf(lines, nowMs).filter(({ toMs }) => toMs > startMs)
  for (const span of spans) {
    const fromMs = Math.max(span.fromMs, startMs)
    seconds[span.hub] += (span.toMs - fromMs) / 1000
    const last = Math.min(cells.length - 1, Math.floor((Math.max(span.toMs - 1, fromMs) - startMs) / CELL_MS))
    for (let at = Math.floor((fromMs - startMs) / CELL_MS); at <= last; at += 1) {
      const cell = cells[at]
      if (cell) cell.hub = worse(cell.hub, span.hub)
    }
  }
  const seen = seconds.up + seconds.starting + seconds.degraded + seconds.down
  seconds.unseen = Math.max(0, (nowMs - startMs) / 1000 - seen)
  for (const name of Object.keys(seconds) as (Seen | 'unseen')[]) seconds[name] = Math.round(seconds[name])
  const validations = { passed: 0, failed: 0 }
  for (const line of lines) {
    const atMs = Date.parse(line.at)
    if (line.kind !== 'validation' || atMs < startMs || atMs > nowMs) continue
    const outcome = line.passed ? 'passed' : 'failed'
    validations[outcome] += 1
    const cell = cells[Math.floor((atMs - startMs) / CELL_MS)]
    if (cell) cell[outcome] += 1
  }
  return {
    from: new Date(startMs).toISOString(),
    to: new Date(nowMs).toISOString(),
    cellSeconds: CELL_MS / 1000,
    cells,
    seconds,
    validations,
    outages: outagesOf(spans, nowMs),
  }
}

/** What each look saw holds until the next one, or for as long as a missing one stays unnoticed. */
function spansOf(lines: readonly HistoryLine[], nowMs: number): Span[] {
  const looks = lines
    .filter((line) => line.kind === 'look')
    .map((line) => ({ ...line, atMs: Date.parse(line.at) }))
    .filter(({ atMs }) => atMs <= nowMs)
    .sort((left, right) => left.atMs - right.atMs)
  return looks.map(({ atMs, hub, ill }, index) => ({
    fromMs: atMs,
    toMs: Math.min(looks[index + 1]?.atMs ?? nowMs, atMs + 1.5 * HEARTBEAT_MS),
    hub,
    services: Object.keys(ill),
  }))
}

function outagesOf(spans: readonly Span[], nowMs: number): Outage[] {
  const joined: Span[] = []
  for (const span of spans) {
    const last = joined.at(-1)
    if (span.hub === 'up') continue
    if (last && last.toMs === span.fromMs) {
      last.toMs = span.toMs
      last.hub = worse(last.hub, span.hub)
      last.services = [...new Set([...last.services, ...span.services])]
    } else joined.push({ ...span })
  }
  return joined
    .toReversed()
    .slice(0, MAX_OUTAGES)
    .map(({ fromMs, toMs, hub, services }) => ({
      from: new Date(fromMs).toISOString(),
      to: toMs >= nowMs ? null : new Date(toMs).toISOString(),
      hub,
      services,
    }))
}

function worse(left: Seen | null, right: Seen): Seen {
  return left !== null && BADNESS.indexOf(left) > BADNESS.indexOf(right) ? left : right
}

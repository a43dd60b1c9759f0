import type { Movement } from '../../agent/contract/report.ts'
import type { Look } from './look.ts'

const UNICODE = { lane: '│', line: '─', right: '▶', left: '◀', from: '├', to: '┤', self: '●' }
const PLAIN = { lane: '|', line: '-', right: '>', left: '<', from: '+', to: '+', self: '*' }
const TIME_WIDTH = 9
const WORST_LANE_WIDTH = 10

/**
 * Who called whom, top to bottom, as a sequence diagram: a lane for each party, an arrow for each movement with what it
 * was above it and what came of it behind. Where the terminal is too narrow for the lanes, a list of the same.
 */
export function renderMovements(movements: readonly Movement[], look: Look, columns: number): string {
  if (movements.length === 0) return ''
  const parties = [...new Set(movements.flatMap(({ from, to }) => [from, to]))]
  const laneWidth = Math.min(26, Math.floor((columns - TIME_WIDTH - 1) / parties.length))
  if (laneWidth < WORST_LANE_WIDTH) return movements.map((movement) => listed(movement, look)).join('\n')
  const picture = new Picture(parties, laneWidth, look.unicode ? UNICODE : PLAIN)
  const rows = movements.flatMap((movement) => picture.movement(movement))
  return [...picture.head(), ...rows].map((row) => row.trimEnd()).join('\n')
}

function listed({ atMs, from, to, what, outcome }: Movement, { unicode }: Look): string {
  return `${time(atMs)} ${from} ${unicode ? '→' : '->'} ${to}: ${what}: ${outcome}`
}

class Picture {
  private readonly parties: string[]
  private readonly width: number
  private readonly strokes: typeof UNICODE

  constructor(parties: string[], width: number, strokes: typeof UNICODE) {
    this.parties = parties
    this.width = width
    this.strokes = strokes
  }

  /** The parties' names, broken at their hyphens where they are wider than their lanes. */
  head(): string[] {
    const names = this.parties.map((name) => broken(name, this.width - 1))
    const height = Math.max(...names.map((lines) => lines.length))
    const rows = Array.from({ length: height }, (_, row) =>
      names.map((lines) => (lines[row - (height - lines.length)] ?? '').padEnd(this.width)).join(''),
    )
    return rows.map((row) => `${' '.repeat(TIME_WIDTH)}${row}`)
  }

  movement({ atMs, from, to, what, outcome }: Movement): string[] {
    const [start, end] = [this.parties.indexOf(from), this.parties.indexOf(to)]
    const [left, right] = [Math.min(start, end), Math.max(start, end)]
    const { lane, line, right: rightHead, left: leftHead, from: source, to: target, self } = this.strokes
    const shaft = line.repeat(Math.max(0, (right - left) * this.width - 2))
    const arrow =
      start === end ? self : start < end ? `${source}${shaft}${rightHead}` : `${lane}${leftHead}${shaft}${target}`
    return [
      `${time(atMs)} ${this.lanes(left, `${lane} ${what}: ${outcome} `)}`,
      `${' '.repeat(TIME_WIDTH)}${this.lanes(left, arrow)}`,
    ]
  }

  /** All lanes, with a text from one of them on; those that it covers are hidden by it. */
  private lanes(at: number, text: string): string {
    const row = this.parties.map(() => this.strokes.lane.padEnd(this.width)).join('')
    return `${row.slice(0, at * this.width)}${text}${row.slice(at * this.width + text.length)}`
  }
}

function broken(name: string, width: number): string[] {
  const lines: string[] = []
  for (const part of name.split(/(?<=-)/)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + part.length <= width) lines[lines.length - 1] = last + part
    else lines.push(...chunks(part, width))
  }
  return lines
}

function chunks(text: string, width: number): string[] {
  return text.match(new RegExp(`.{1,${width}}`, 'g')) ?? []
}

function time(ms: number): string {
  const text = ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
  return text.padStart(TIME_WIDTH - 1)
}

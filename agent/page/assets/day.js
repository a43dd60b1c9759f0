import { byId, draw, h } from './dom.js'
import { clock, dayAndClock, duration, plural } from './words.js'

const NAMES = { up: 'up', starting: 'starting', degraded: 'degraded', down: 'down', unseen: 'not watched' }

/** The last 24 hours as a strip; what it shows is said below in words. */
export function drawDay(day) {
  const shown = { ...day, to: '', seconds: rounded(day.seconds) }
  draw(byId('day'), shown, () => [strip(day), axis(day), legend(day), h('p', null, inWords(day)), outages(day)])
}

function rounded(seconds) {
  return Object.fromEntries(Object.entries(seconds).map(([name, value]) => [name, Math.round(value / 60)]))
}

function strip(day) {
  const cells = day.cells.map((cell, at) => {
    const from = Date.parse(day.from) + at * day.cellSeconds * 1000
    const state = cell.hub ?? 'unseen'
    const failed = cell.failed > 0 ? `, ${plural(cell.failed, 'validation')} failed` : ''
    return h('span', {
      class: cell.failed > 0 ? 'cell failed' : 'cell',
      'data-hub': state,
      title: `${clock(from)}: ${NAMES[state]}${failed}`,
    })
  })
  return h('div', { class: 'strip', 'aria-hidden': true }, cells)
}

/** Whole hours at every sixth. */
function axis(day) {
  const from = Date.parse(day.from)
  const spanMs = day.cells.length * day.cellSeconds * 1000
  const marks = []
  const first = new Date(from)
  first.setMinutes(0, 0, 0)
  for (let at = first.getTime(); at < from + spanMs; at += 3600_000) {
    const share = (at - from) / spanMs
    if (new Date(at).getHours() % 6 === 0 && share > 0.05 && share < 0.95)
      marks.push(h('span', { vars: { '--at': `${share * 100}%` } }, clock(at)))
  }
  return h('div', { class: 'axis small quiet', 'aria-hidden': true }, marks)
}

function legend({ seconds, validations }) {
  const keys = Object.keys(NAMES).filter((name) => name === 'up' || seconds[name] > 0)
  const items = keys.map((name) =>
    h('li', null, h('span', { class: 'cell', 'data-hub': name, 'aria-hidden': true }), NAMES[name]),
  )
  if (validations.failed > 0)
    items.push(h('li', null, h('span', { class: 'cell failed', 'aria-hidden': true }), 'a validation failed'))
  return h('ul', { class: 'legend small quiet', 'aria-label': 'What the strip’s colours mean' }, items)
}

function inWords({ seconds, validations }) {
  const watched = seconds.up + seconds.starting + seconds.degraded + seconds.down
  if (watched < 60) return 'The agent has only begun to watch.'
  const share = (seconds.up / watched) * 100
  const percent = share === 100 ? '100' : Math.min(share, 99.9).toFixed(share > 99 ? 1 : 0)
  const not = [
    [seconds.down, 'down'],
    [seconds.degraded, 'degraded'],
    [seconds.starting, 'starting'],
  ]
    .filter(([value]) => value >= 1)
    .map(([value, name]) => `, ${name} for ${duration(value)}`)
  const proofs =
    validations.passed + validations.failed === 0
      ? 'No validation ended.'
      : validations.failed === 0
        ? `${plural(validations.passed, 'validation')} passed, none failed.`
        : `${plural(validations.passed, 'validation')} passed, ${validations.failed} failed.`
  return `Up for ${percent} % of the ${duration(watched)} that were watched${not.join('')}. ${proofs}`
}

function outages({ outages: list }) {
  if (list.length === 0) return null
  const item = ({ from, to, hub, services }) => {
    const took = to ? duration((Date.parse(to) - Date.parse(from)) / 1000) : 'still'
    const who = services.length > 0 ? ` (${services.join(', ')})` : ''
    return h('li', null, h('time', { datetime: from }, dayAndClock(from)), `, ${took}: ${NAMES[hub]}${who}`)
  }
  const shown = list.slice(0, 5).map(item)
  const rest = list.slice(5).map(item)
  return [
    h('ul', { class: 'outages small', 'aria-label': 'When the hub was not up' }, shown),
    rest.length > 0 &&
      h('details', { class: 'small' }, h('summary', null, `${rest.length} more`), h('ul', { class: 'outages' }, rest)),
  ]
}

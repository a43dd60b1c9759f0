import { h } from './dom.js'
import { shortTime } from './words.js'

/**
 * Movements as a sequence diagram. It is a list, read out in order ("mojabox to central-ledger: …"); the drawing is
 * that same list, laid out over one column a party. Where it is too narrow for columns it reads as the list.
 */
export function sequence(movements, label) {
  const parties = [...new Set(movements.flatMap(({ from, to }) => [from, to]))]
  const place = (party) => parties.indexOf(party) + 1
  const heads = parties.map((party) => h('span', null, party))
  const items = movements.map((movement) => step(movement, place(movement.from), place(movement.to)))
  const vars = { '--parties': String(parties.length), '--tracks': String(2 * parties.length) }
  const element = h(
    'div',
    { class: 'sequence', vars },
    h('div', { class: 'parties', 'aria-hidden': true }, heads),
    h('ol', { 'aria-label': label }, items),
  )
  drawWhereThereIsRoom(element, parties.length)
  return element
}

const GUTTER_PX = 80
const PARTY_PX = 130

function drawWhereThereIsRoom(element, parties) {
  new ResizeObserver(([{ contentRect }]) => {
    // Its own width has a limit when it is drawn: that of what holds it counts.
    const width = element.parentElement?.clientWidth ?? contentRect.width
    element.classList.toggle('drawn', width >= GUTTER_PX + parties * PARTY_PX)
  }).observe(element)
}

function step({ atMs, tookMs, from, to, what, outcome }, source, target) {
  // Two grid lines a party: its own lies in the middle of its column.
  const [left, right] = [Math.min(source, target), Math.max(source, target)]
  const direction = source === target ? 'self' : source < target ? 'right' : 'left'
  const vars = { '--left': String(2 * left), '--right': String(direction === 'self' ? 2 * left + 1 : 2 * right) }
  const took = tookMs === null ? null : h('span', { class: 'took' }, `took ${shortTime(tookMs)}`)
  return h(
    'li',
    null,
    h('span', { class: 'at', title: `${Math.round(atMs)} ms after its level began` }, `+${(atMs / 1000).toFixed(2)} s`),
    h(
      'div',
      { class: `lane ${direction}`, vars },
      h(
        'p',
        { class: 'said' },
        h(
          'span',
          { class: 'who' },
          from,
          h('span', { 'aria-hidden': true }, ' → '),
          h('span', { class: 'unseen' }, ' to '),
          `${to}: `,
        ),
        h('span', { class: 'what' }, what),
      ),
      h('span', { class: 'arrow', 'aria-hidden': true }),
      h('p', { class: 'outcome' }, h('span', { class: 'unseen' }, 'Outcome: '), outcome, took && ' · ', took),
    ),
  )
}

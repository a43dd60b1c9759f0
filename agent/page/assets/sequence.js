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
  const items = movements.map((movement) => step(movement, place(movement.from), place(movement.to), parties.length))
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

function step({ atMs, tookMs, from, to, what, outcome }, source, target, parties) {
  const took = tookMs === null ? null : h('span', { class: 'took' }, `took ${shortTime(tookMs)}`)
  return h(
    'li',
    null,
    h('span', { class: 'at', title: `${Math.round(atMs)} ms after its level began` }, `+${(atMs / 1000).toFixed(2)} s`),
    h(
      'div',
      lane(source, target, parties),
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
        h('span', { class: 'what' }, breakable(what)),
      ),
      h('span', { class: 'arrow', 'aria-hidden': true }),
      h('p', { class: 'outcome' }, h('span', { class: 'unseen' }, 'Outcome: '), outcome, took && ' · ', took),
    ),
  )
}

/**
 * Where a step is drawn. There are two tracks a party, so that line 2n is the lifeline of the nth. The arrow goes from
 * lifeline to lifeline; its words may be half a column wider on either side. What a party does by itself is written
 * beside its lifeline, on the side where there is more room.
 */
function lane(source, target, parties) {
  const [left, right] = [2 * Math.min(source, target), 2 * Math.max(source, target)]
  if (source !== target) {
    const vars = { '--left': left, '--right': right, '--words-left': left - 1, '--words-right': right + 1 }
    return { class: `lane ${source < target ? 'right' : 'left'}`, vars }
  }
  const onLeft = source > parties / 2
  const [from, to] = onLeft ? [Math.max(1, left - 4), left] : [left, Math.min(2 * parties + 1, left + 4)]
  return {
    class: `lane self ${onLeft ? 'on-left' : 'on-right'}`,
    vars: { '--left': from, '--right': to, '--words-left': from, '--words-right': to },
  }
}

/** Paths may be broken after a slash. */
function breakable(text) {
  return text.split(/(?<=\/)/).flatMap((part) => [part, document.createElement('wbr')])
}

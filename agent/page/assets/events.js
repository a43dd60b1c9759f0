import { byId, draw, h } from './dom.js'
import { agoElement } from './words.js'

const SHOWN = 8

export function drawEvents(events) {
  draw(byId('events'), events, () => {
    if (events.length === 0) return h('p', { class: 'quiet' }, 'Nothing yet.')
    const items = events.map(({ at, tone, text }) =>
      h(
        'li',
        null,
        h('span', { class: 'state', 'data-tone': tone }, text),
        h('span', { class: 'small quiet' }, agoElement(at)),
      ),
    )
    const rest = items.splice(SHOWN)
    return [
      h('ul', { class: 'events' }, items),
      rest.length > 0 &&
        h(
          'details',
          { class: 'small' },
          h('summary', null, `${rest.length} earlier`),
          h('ul', { class: 'events' }, rest),
        ),
    ]
  })
}

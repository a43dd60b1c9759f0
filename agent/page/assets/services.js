import { byId, draw, h } from './dom.js'
import { size } from './words.js'

export function drawServices({ services }) {
  const shown = services.map(({ use, ...service }) => ({
    ...service,
    memory: use ? size(use.memoryBytes) : null,
    cpu: use?.cores == null ? null : `${(use.cores * 100).toFixed(use.cores < 0.1 ? 1 : 0)} %`,
  }))
  draw(byId('services'), shown, (list) =>
    list.length === 0 ? h('p', { class: 'quiet' }, 'No container of the hub is on this node.') : table(list),
  )
}

function table(services) {
  const head = ['Service', 'State', 'Memory', 'CPU'].map((name, at) =>
    h('th', { scope: 'col', class: at > 1 ? 'number' : undefined }, name),
  )
  return h(
    'table',
    { class: 'services' },
    h('caption', { class: 'unseen' }, 'Services of the hub. CPU is a share of one core.'),
    h('thead', null, h('tr', null, head)),
    h('tbody', null, services.map(row)),
  )
}

function row({ service, state, health, words, well, image, memory, cpu }) {
  const what = state === 'running' ? health || 'running' : state
  const tone = well ? (state === 'completed' ? 'plain' : 'good') : health === 'starting' ? 'busy' : 'bad'
  return h(
    'tr',
    null,
    h('th', { scope: 'row' }, service, h('span', { class: 'small quiet' }, shortImage(image))),
    h(
      'td',
      null,
      h('span', { class: 'state', 'data-tone': tone }, what),
      h('span', { class: 'small quiet' }, since(words)),
    ),
    h('td', { class: 'number' }, memory ?? '–'),
    h('td', { class: 'number' }, cpu ?? '–'),
  )
}

/** Docker's words without what the state says already. */
function since(words) {
  return words.replace(/ \((health: )?(healthy|unhealthy|starting)\)$/, '').replace(/^Exited \(0\)/, 'ended')
}

/** As people write it. */
export function shortImage(image) {
  return image.replace(/^docker\.io\/(library\/)?/, '')
}

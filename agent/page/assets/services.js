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
    h('th', { scope: 'col', role: 'columnheader', class: at > 1 ? 'number' : undefined }, name),
  )
  return h(
    'table',
    // Said outright, as a narrow screen lays the rows out otherwise.
    { class: 'services', role: 'table' },
    h('caption', { class: 'unseen' }, 'Services of the hub. CPU is a share of one core.'),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head)),
    h('tbody', { role: 'rowgroup' }, services.map(row)),
  )
}

function row({ service, state, health, words, well, image, memory, cpu }) {
  const what = state === 'running' ? health || 'running' : state
  const tone = well ? (state === 'completed' ? 'plain' : 'good') : health === 'starting' ? 'busy' : 'bad'
  return h(
    'tr',
    { role: 'row' },
    h('th', { scope: 'row', role: 'rowheader' }, service, h('span', { class: 'small quiet' }, shortImage(image))),
    h(
      'td',
      { role: 'cell' },
      h('span', { class: 'state', 'data-tone': tone }, what),
      h('span', { class: 'small quiet' }, since(words)),
    ),
    h('td', { role: 'cell', class: 'number' }, memory ?? '–'),
    h('td', { role: 'cell', class: 'number', 'data-label': 'CPU' }, cpu ?? '–'),
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

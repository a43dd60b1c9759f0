import { byId, draw, h } from './dom.js'
import { shortImage } from './services.js'
import { agoElement, dayAndClock, size } from './words.js'

export function drawHost({ memory, disks, load, cores, bootedAt, agent }) {
  const bars = [
    memory && bar('Memory', memory.totalBytes - memory.availableBytes, memory.totalBytes, 'in use'),
    ...disks.map(({ path, totalBytes, freeBytes }) =>
      bar(`Disk ${path}`, totalBytes - freeBytes, totalBytes, 'in use'),
    ),
  ].filter(Boolean)
  const facts = [
    ['Load', load === null ? '–' : `${load.toFixed(2)} on ${cores} ${cores === 1 ? 'core' : 'cores'}`],
    ['Booted', { at: bootedAt }],
    ['Agent', `${size(agent.residentBytes)} of memory`],
    ['Agent started', { at: agent.startedAt }],
  ]
  draw(byId('host'), { bars, facts }, () => [...bars.map(barElement), factList(facts)])
}

function bar(name, used, total, words) {
  const share = total > 0 ? Math.round((used / total) * 100) : 0
  return { name, share, text: `${size(used)} of ${size(total)} ${words}` }
}

function barElement({ name, share, text }) {
  const tone = share >= 95 ? 'bad' : share >= 85 ? 'busy' : 'good'
  return h(
    'div',
    { class: 'bar' },
    h('p', null, h('span', null, name), h('span', { class: 'quiet' }, text)),
    h(
      'div',
      { class: 'track', 'aria-hidden': true },
      h('div', { 'data-tone': tone, vars: { '--share': `${share}%` } }),
    ),
  )
}

export function drawVersions({ mojabox, bundle, bundleVersion, deployment, profile, installedAt, services }) {
  const images = [...new Set(services.map(({ image }) => shortImage(image)))].sort()
  const facts = [
    ['mojabox', mojabox],
    ['Deployment', deployment],
    ['Profile', profile],
    ['Bundle', bundleVersion],
    ['Its digest', { code: bundle }],
    ['Installed', dayAndClock(installedAt)],
  ]
  draw(byId('versions'), { facts, images }, () => [
    factList(facts),
    images.length > 0 && h('h3', { class: 'images-title' }, 'Images'),
    images.length > 0 &&
      h(
        'ul',
        { class: 'images small' },
        images.map((image) => h('li', null, image)),
      ),
  ])
}

function factList(facts) {
  const value = (given) =>
    typeof given === 'string'
      ? given
      : given.code
        ? h('code', { title: given.code }, given.code.slice(0, 19))
        : agoElement(given.at)
  return h(
    'dl',
    null,
    facts.map(([name, given]) => h('div', null, h('dt', null, name), h('dd', null, value(given)))),
  )
}

import { byId, h } from './dom.js'
import { sequence } from './sequence.js'
import { agoElement, dayAndClock, plural, shortTime } from './words.js'

const items = new Map()
let newest

/**
 * The last validations, newest first. Each is made once and stays as it is, so that what a person has opened, or reads
 * with the keyboard, is never taken from under them.
 */
export function drawValidations(reports, load) {
  const list = byId('validations')
  byId('no-validations').hidden = reports.length > 0
  for (const [run, item] of items) {
    if (reports.some((report) => report.run === run) || item.contains(document.activeElement)) continue
    item.remove()
    items.delete(run)
  }
  let after = byId('no-validations')
  for (const report of reports) {
    const item = items.get(report.run) ?? make(report, load)
    items.set(report.run, item)
    if (after.nextElementSibling !== item && !item.contains(document.activeElement)) after.after(item)
    after = item
  }
  openNewest(list, reports[0]?.run)
}

/** The newest is open, as long as nobody has opened or closed one. */
function openNewest(list, run) {
  if (run === undefined || run === newest) return
  const before = items.get(newest)
  newest = run
  if (list.querySelector('details[data-touched]')) return
  if (before) before.open = false
  items.get(run).open = true
}

function make(report, load) {
  const { run, at, seconds, passed, by, failed, levels } = report
  const body = h('div', { class: 'report' }, h('p', { class: 'quiet' }, 'Loading…'))
  const words = levels.map(({ level }) => level).join(', ')
  const summary = h(
    'summary',
    null,
    h('span', { class: 'state', 'data-tone': passed ? 'good' : 'bad' }, passed ? 'passed' : 'failed'),
    h('span', { class: 'when' }, agoElement(at)),
    h(
      'span',
      { class: 'quiet what' },
      `${words} in ${shortTime(seconds * 1000)}, ${by === 'agent' ? 'by the agent' : 'on request'}`,
    ),
    !passed && h('span', { class: 'why' }, failed.slice(0, 2).join('; ')),
  )
  // Whoever opens or closes one decides from then on.
  summary.addEventListener('click', () => details.setAttribute('data-touched', ''))
  const details = h('details', { class: 'validation', name: `validation-${run}` }, summary, body)
  let loading = false
  details.addEventListener('toggle', () => {
    if (!details.open || loading) return
    loading = true
    load(run).then(
      (whole) => body.replaceChildren(...content(whole)),
      () => {
        loading = false
        body.replaceChildren(
          h('p', { class: 'quiet' }, 'This report cannot be read now. Close and open it to try again.'),
        )
      },
    )
  })
  return details
}

function content(report) {
  const levels = report.levels
    .toReversed()
    .flatMap((level) => [
      h('h3', null, heading(level)),
      level.movements?.length > 0 && sequence(level.movements, `Movements of level ${level.level}, in order`),
      cases(level),
    ])
  const about = `Run ${report.run}, began ${dayAndClock(report.startedAt)}.`
  return [...levels.filter(Boolean), h('p', { class: 'small quiet' }, about)]
}

function heading({ level, cases: list }) {
  const good = list.filter(({ status }) => status === 'pass').length
  const title = { services: 'Services are connected', ledger: 'Money through the ledger', transfer: 'A transfer' }[
    level
  ]
  return `${title ?? level}: ${good} of ${plural(list.length, 'case')} passed`
}

/** What did not pass is shown, the rest can be. */
function cases({ level, cases: list }) {
  const bad = list.filter(({ status }) => status !== 'pass')
  const good = list.filter(({ status }) => status === 'pass')
  return h(
    'div',
    { class: 'cases' },
    bad.length > 0 &&
      h('ul', { class: 'bad-cases', 'aria-label': `Cases of level ${level} that did not pass` }, bad.map(badCase)),
    good.length > 0 &&
      h(
        'details',
        { class: 'small' },
        h('summary', null, `${plural(good.length, 'case')} passed`),
        h('ul', null, good.map(goodCase)),
      ),
  )
}

function badCase({ title, status, subject, found, needed }) {
  return h(
    'li',
    null,
    h(
      'span',
      { class: 'state', 'data-tone': status === 'fail' ? 'bad' : 'plain' },
      status === 'fail' ? 'failed' : 'skipped',
    ),
    h('span', { class: 'case-title' }, subject ? `${subject}: ${title}` : title),
    h('span', { class: 'small quiet' }, `found: ${found}`),
    status === 'fail' && h('span', { class: 'small quiet' }, `needed: ${needed}`),
  )
}

function goodCase({ title, found }) {
  return h('li', null, `${title}: `, h('span', { class: 'quiet' }, found))
}

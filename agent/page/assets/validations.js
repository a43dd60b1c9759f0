import { byId, h } from './dom.js'
import { sequence } from './sequence.js'
import { agoElement, dayAndClock, plural, quoted, shortTime } from './words.js'

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
    !passed && h('span', { class: 'why' }, `at ${quoted(failed)}`),
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
  // What failed comes first; else what proves most.
  const order = report.levels.toReversed().sort((left, right) => Number(passed(left)) - Number(passed(right)))
  const levels = order.flatMap((level) => [
    h('h3', null, heading(level)),
    level.movements?.length > 0 && sequence(level.movements, `Movements of level ${level.level}, in order`),
    cases(level),
  ])
  const about = `Run ${report.run}, began ${dayAndClock(report.startedAt)}.`
  return [...levels.filter(Boolean), h('p', { class: 'small quiet' }, about)]
}

function passed({ cases: list }) {
  return list.every(({ status }) => status !== 'fail')
}

function heading({ level, cases: list }) {
  const { skip = [], pass = [] } = Object.groupBy(list, ({ status }) => status)
  const ran = list.length - skip.length
  const title = { services: 'Services are connected', ledger: 'Money through the ledger', transfer: 'A transfer' }[
    level
  ]
  return `${title ?? level}: ${ran === 0 ? 'left out' : `${pass.length} of ${plural(ran, 'case')} passed`}`
}

/** What failed is shown, the rest can be. */
function cases({ level, cases: list }) {
  const { fail = [], skip = [], pass = [] } = Object.groupBy(list, ({ status }) => status)
  return h(
    'div',
    { class: 'cases' },
    fail.length > 0 &&
      h('ul', { class: 'bad-cases', 'aria-label': `Cases of level ${level} that failed` }, fail.map(failedCase)),
    more(skip, 'left out'),
    more(pass, 'passed'),
  )
}

function failedCase({ title, subject, found, needed }) {
  return h(
    'li',
    null,
    h('span', { class: 'state', 'data-tone': 'bad' }, `failed: ${title}`),
    subject !== '' && h('span', { class: 'small quiet' }, `points at: ${subject}`),
    h('span', { class: 'small quiet' }, `found: ${found}`),
    h('span', { class: 'small quiet' }, `needed: ${needed}`),
  )
}

function more(list, what) {
  if (list.length === 0) return null
  const items = list.map(({ title, found }) => h('li', null, `${title}: `, h('span', { class: 'quiet' }, found)))
  return h(
    'details',
    { class: 'small' },
    h('summary', null, `${plural(list.length, 'case')} ${what}`),
    h('ul', null, items),
  )
}

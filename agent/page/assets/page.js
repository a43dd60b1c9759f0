import { drawDay } from './day.js'
import { byId, setText } from './dom.js'
import { drawEvents } from './events.js'
import { drawHost, drawVersions } from './host.js'
import { drawServices } from './services.js'
import { drawValidations } from './validations.js'
import { drawVerdict } from './verdict.js'
import { clock, setNodeClock, tick } from './words.js'

const EVERY_MS = 5_000
/** Of what changes seldom; a change of the hub or a new validation asks for it at once. */
const REST_EVERY_MS = 30_000
const LIMIT_MS = 15_000

const told = { answeredAt: undefined, restAtMs: 0, key: '', reports: [] }
let refreshing

run()
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) refresh()
})
setInterval(tick, 1_000)

async function run() {
  for (;;) {
    if (!document.hidden) await refresh()
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
  }
}

/** One at a time, whoever asks for it. */
function refresh() {
  refreshing ??= look()
    .then(
      () => answered(),
      (error) => silent(error),
    )
    .finally(() => {
      refreshing = undefined
    })
  return refreshing
}

async function look() {
  const status = await ask('api/status')
  setNodeClock(status.at)
  const key = JSON.stringify([
    status.hub,
    status.validation?.run,
    status.services.map(({ state, health }) => [state, health]),
  ])
  if (key !== told.key || performance.now() - told.restAtMs > REST_EVERY_MS) {
    const [reports, day, events] = await Promise.all([ask('api/reports'), ask('api/history'), ask('api/events')])
    Object.assign(told, { key, reports, restAtMs: performance.now() })
    drawDay(day)
    drawEvents(events)
    drawValidations(reports, (run) => ask(`api/reports/${encodeURIComponent(run)}`))
  }
  drawVerdict(status, told.reports)
  setText(byId('title'), `${status.site} ${status.host}`)
  setText(byId('subtitle'), `Mojaloop hub, ${status.deployment}, profile ${status.profile}`)
  drawServices(status)
  drawHost(status)
  drawVersions(status)
}

async function ask(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(LIMIT_MS), cache: 'no-store' })
  const body = await response.json()
  if (!response.ok) throw new Error(body.message)
  return body
}

function answered() {
  told.answeredAt = new Date()
  byId('banner').hidden = true
  byId('main').classList.remove('stale')
}

function silent(error) {
  const since = told.answeredAt ? `since ${clock(told.answeredAt)}. Below is how things were then` : 'yet'
  // What a browser says of a refused connection helps nobody.
  const why = error instanceof TypeError || error.name === 'TimeoutError' ? '' : ` (${error.message})`
  setText(byId('banner'), `The agent has not answered ${since}${why}. This page goes on asking.`)
  byId('banner').hidden = false
  byId('main').classList.add('stale')
  if (!told.answeredAt) setText(byId('verdict-words'), 'No answer from the agent.')
}

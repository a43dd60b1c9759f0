import { h, setText } from './dom.js'

/** How far the node's clock is ahead of this one's, milliseconds. */
let aheadMs = 0

export function setNodeClock(at) {
  aheadMs = Date.parse(at) - Date.now()
}

export function nodeNow() {
  return Date.now() + aheadMs
}

/** `2 min ago`, `in 3 min` */
export function ago(at) {
  const seconds = Math.round((nodeNow() - Date.parse(at)) / 1000)
  if (Math.abs(seconds) < 10) return seconds >= 0 ? 'just now' : 'in a moment'
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`
}

/** `12 s`, `3 min`, `2 h 05 min`, `4 days` */
export function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours >= 48) return `${Math.round(hours / 24)} days`
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${String(minutes % 60).padStart(2, '0')} min`
}

/** `340 ms`, `1.25 s` */
export function shortTime(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}

/** Decimal, as disks are sold; memory is close enough. */
export function size(bytes) {
  const [limit, unit] = [
    [1e12, 'TB'],
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ].find(([least]) => bytes >= least) ?? [1, 'B']
  const value = bytes / limit
  return `${value >= 10 || limit === 1 ? Math.round(value) : value.toFixed(1)} ${unit}`
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const DAY_AND_CLOCK = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})

export function clock(at) {
  return CLOCK.format(new Date(at))
}

export function dayAndClock(at) {
  return DAY_AND_CLOCK.format(new Date(at))
}

/** A moment, told as how long ago it was; `tick` keeps it true. */
export function agoElement(at) {
  return h('time', { datetime: at, title: dayAndClock(at), 'data-ago': true }, ago(at))
}

export function tick() {
  for (const element of document.querySelectorAll('time[data-ago]')) setText(element, ago(element.dateTime))
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`
}

/** `a, b and c` */
export function listed(names) {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** The first two of what cases were to prove: `“kafka is healthy” and “the topics are there”` */
export function quoted(titles) {
  return listed(titles.slice(0, 2).map((title) => `“${title}”`))
}

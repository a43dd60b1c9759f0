import { byId, draw, h, setText } from './dom.js'
import { agoElement, listed, plural, quoted } from './words.js'

/** The one line that matters, and the one below it. */
export function drawVerdict(status, reports) {
  const { tone, words, more } = verdictOf(status, reports)
  const section = byId('verdict')
  if (section.dataset.tone !== tone) section.dataset.tone = tone
  setText(byId('verdict-words'), words)
  // Told once a change, not each minute.
  setText(byId('news'), `${words} ${more.filter((part) => typeof part === 'string').join(' ')}`)
  const key = [more, status.validating, status.validating ? null : status.nextValidationAt]
  draw(byId('verdict-more'), key, () => [...inWords(more), ...next(status)])
  document.title = `${status.hub === 'up' && tone === 'good' ? '' : `${words.replace(/\.$/, '')} · `}${status.site} ${status.host} · mojabox`
}

function verdictOf(status, reports) {
  const ill = status.services.filter(({ well }) => !well)
  if (status.hub === 'down')
    return {
      tone: 'bad',
      words: 'The hub is down.',
      more: [status.services.length === 0 ? 'None of its containers is there.' : `${whoIs(ill)}`],
    }
  if (status.hub === 'starting') {
    const up = status.services.length - ill.length
    return {
      tone: 'busy',
      words: 'The hub is starting.',
      more: [`${up} of ${plural(status.services.length, 'service')} are up.`],
    }
  }
  if (status.hub === 'degraded') return { tone: 'bad', words: 'The hub is degraded.', more: [whoIs(ill)] }
  const { validation } = status
  if (!validation)
    return { tone: 'busy', words: 'The hub is up.', more: [status.validating ? '' : 'It has not been validated yet.'] }
  const at = { at: validation.at }
  if (validation.passed)
    return {
      tone: 'good',
      words: 'The hub is up.',
      more: ['Last validated', at, `: ${whatPassed(validation, reports)}.`],
    }
  const what = validation.failed.length > 0 ? `it failed at ${quoted(validation.failed)}` : 'see the report below'
  return { tone: 'bad', words: 'The hub is up, but its validation fails.', more: ['Last validated', at, `: ${what}.`] }
}

function whatPassed(validation, reports) {
  const report = reports?.find(({ run }) => run === validation.run)
  return report?.levels.some(({ movements, passed }) => passed && movements > 0) ? 'money moved' : 'it passed'
}

function whoIs(services) {
  const byState = Map.groupBy(services, ({ state, health }) => (state === 'running' ? health : state))
  const parts = [...byState].map(
    ([words, list]) => `${listed(list.map(({ service }) => service))} ${list.length === 1 ? 'is' : 'are'} ${words}`,
  )
  return `${parts.join('; ')}.`
}

/** Words with a moment among them. */
function inWords(more) {
  return more.flatMap((part) =>
    typeof part === 'string' ? (part.startsWith(':') || part === '' ? [part] : [`${part} `]) : [agoElement(part.at)],
  )
}

function next({ validating, nextValidationAt }) {
  if (validating) return [' ', h('span', { class: 'next' }, 'Validating now…')]
  return nextValidationAt
    ? [' ', h('span', { class: 'next' }, 'Next validation ', agoElement(nextValidationAt), '.')]
    : []
}

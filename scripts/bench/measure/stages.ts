import type { InstallRun, TimedEvent } from './install-run.ts'

/** At which second of an install what was reached, for whoever wants to know where the time goes. */
export function stagesOf({ events, seconds }: InstallRun): string {
  const first = (what: string, test: (event: TimedEvent) => boolean) => ({ what, event: events.find(test) })
  const last = (what: string, test: (event: TimedEvent) => boolean) => ({ what, event: events.findLast(test) })
  const stages = [
    first('connected', ({ type }) => type === 'connected'),
    last('executable sent', (event) => event.type === 'transfer' && event.what === 'mojabox'),
    first('started on the node', ({ type }) => type === 'run-started'),
    last('checked', ({ type }) => type === 'check'),
    first('first step', ({ type }) => type === 'step-started'),
    first('images', (event) => event.type === 'step-started' && event.id === 'images'),
    first('half of their bytes', (event) => hasCome(event, 0.5)),
    first('nearly all', (event) => hasCome(event, 0.99)),
    first('images done', (event) => event.type === 'step-done' && event.id === 'images'),
    last('last step', ({ type }) => type === 'step-done'),
    last('validated', ({ type }) => type === 'report'),
  ]
  const texts = stages.flatMap(({ what, event }) => (event ? [`${what} ${event.afterSeconds.toFixed(2)}`] : []))
  return [...texts, `end ${seconds.toFixed(2)}`].join(', ')
}

function hasCome(event: TimedEvent, part: number): boolean {
  return event.type === 'step-progress' && event.id === 'images' && event.done >= part * event.total
}

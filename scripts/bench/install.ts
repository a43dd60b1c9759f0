import type { Group } from './measure/bench.ts'
import { type Figure, figure, median } from './measure/figure.ts'
import { type InstallRun, runAgain, runInstall, type TimedEvent } from './measure/install-run.ts'
import { loadText } from './measure/meters.ts'
import { agentIdle, agentResidentBytes, withBareNode } from './measure/node.ts'

const RERUNS = 3

/** Which stage a step belongs to, by its id. */
const STAGES: [stage: string, ids: RegExp][] = [
  ['store', /^store$/],
  ['packages', /^(packages|docker)$/],
  ['images', /^images$/],
  ['files', /^(secret|file)-/],
  ['backing-services', /^backing-services$/],
  ['topics', /^topics$/],
  ['services', /^services$/],
  ['provisioning', /^(hub-accounts|settlement-model|participant-.*)$/],
  ['agent', /^(command|node-state|agent.*)$/],
]

/** A whole install on a bare host, where its time goes, and what it leaves running. */
export const install: Group = {
  needsLab: true,
  measure: (bench) =>
    withBareNode(bench, 'trixie', async (node) => {
      const loads = [loadText()]
      const whole = await runInstall(bench, node)
      bench.say(`install: ${whole.seconds.toFixed(1)} s`)
      loads.push(loadText())
      await agentIdle(node)
      const residentBytes = await agentResidentBytes(node)
      const reruns: number[] = []
      for (let rerun = 0; rerun < RERUNS; rerun++) reruns.push((await runAgain(bench, node)).seconds)
      return [
        figure('install.total_s', whole.seconds, 's', { note: `load ${loads.join(', ')}` }),
        ...stageFigures(whole),
        figure('rerun.seconds', median(reruns), 's'),
        figure('agent.rss_mb', residentBytes / 1e6, 'MB', { limit: 70 }),
      ]
    }),
}

/** Together they are the whole command: what lies before the first step and after the last is a stage too. */
function stageFigures({ events, seconds }: InstallRun): Figure[] {
  const stages = new Map(STAGES.map(([stage]) => [stage, 0]))
  for (const event of events) {
    if (event.type !== 'step-done') continue
    const stage = STAGES.find(([, ids]) => ids.test(event.id))?.[0] ?? 'other'
    stages.set(stage, (stages.get(stage) ?? 0) + event.seconds)
  }
  const before = timeOf(events.find((event) => event.type === 'step-started'))
  const after = timeOf(events.findLast((event) => event.type === 'step-done'))
  const stage = (name: string, value: number, note?: string) =>
    figure(`install.${name}_s`, value, 's', note === undefined ? {} : { note })
  return [
    stage('before', before, 'reading the bundle, connecting, sending the executable, checks'),
    ...[...stages].map(([name, value]) => stage(name, value)),
    stage('validation', seconds - after),
  ]
}

function timeOf(event: TimedEvent | undefined): number {
  if (!event) throw new Error('mojabox install: no steps')
  return event.afterSeconds
}

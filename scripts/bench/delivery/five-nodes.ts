import { readFileSync } from 'node:fs'
import { labNetwork, shapeDesk, unshapeDesk } from '../../../test/lab/network.ts'
import type { Bench } from '../measure/bench.ts'
import { runAgain, runInstall, STOP } from '../measure/install-run.ts'
import { agentIdle, type BenchNode } from '../measure/node.ts'
import { withDockerNodes } from './docker-node.ts'
import { forgetChecked } from './forget-checked.ts'
import { mainSet, type Round, say, type Trial } from './trial.ts'

/** Of the desk's link, so slow that the cores that all nodes share here are not what is measured. */
export const DESK_BITS_PER_SECOND = 20_000_000
const COUNT = 5

/** One node and then five over the desk's slow link; nodes reach each other at full speed. */
export async function measureFiveNodes(trial: Trial, round: Round): Promise<void> {
  const { bench } = mainSet(trial)
  await withDockerNodes(trial.bench, trial.runtime, 1, (nodes) =>
    overSlowDesk(() => cold(trial, 'one_node', bench[1], nodes, false)),
  )
  await withDockerNodes(trial.bench, trial.runtime, COUNT, (nodes) =>
    overSlowDesk(async () => {
      await cold(trial, 'five_nodes', bench[1], nodes, round.number === 1)
      if (round.number === 1) await noopAndUpgrade(trial, bench, nodes)
    }),
  )
}

/** So far off the bar that another round, of ten minutes then, would say nothing more. */
export function isFarOff({ samples }: Trial): boolean {
  return samples.median('five_nodes.s') > 2 * samples.median('one_node.s')
}

async function cold(trial: Trial, name: string, bench: Bench, nodes: BenchNode[], toTheEnd: boolean): Promise<void> {
  const { seconds, sentBytes } = await deliverToAll(bench, nodes, toTheEnd)
  trial.samples.add(`${name}.s`, seconds)
  trial.samples.add(`${name}.sent`, sentBytes)
  say(trial, `${name}: ${seconds.toFixed(1)} s, ${(sentBytes / 1e6).toFixed(0)} MB from the desk`)
}

async function noopAndUpgrade(trial: Trial, bench: Record<1 | 2, Bench>, nodes: BenchNode[]): Promise<void> {
  for (const node of nodes) await agentIdle(node)
  trial.samples.add('five_nodes_noop.s', (await runAgain(bench[1], nodes)).seconds)
  const { seconds, sentBytes } = await deliverToAll(bench[2], nodes, false)
  trial.samples.add('five_nodes_upgrade.s', seconds)
  trial.samples.add('five_nodes_upgrade.sent', sentBytes)
}

/** From the start of the command until the last node has its images, and what this machine sent to all nodes meanwhile. */
async function deliverToAll(bench: Bench, nodes: BenchNode[], toTheEnd: boolean) {
  await forgetChecked(bench)
  const before = sentBytes()
  const waiting = new Set(nodes.map(({ name }) => name))
  let delivered: { seconds: number; sentBytes: number } | undefined
  await runInstall(bench, nodes, (event) => {
    if (event.type === 'step-done' && event.id === 'images') waiting.delete(event.host)
    if (waiting.size > 0 || delivered) return undefined
    delivered = { seconds: event.afterSeconds, sentBytes: sentBytes() - before }
    return toTheEnd ? undefined : STOP
  })
  if (!delivered) throw new Error(`mojabox install: no images on ${[...waiting].join(', ')}`)
  return delivered
}

async function overSlowDesk<T>(work: () => Promise<T>): Promise<T> {
  await shapeDesk(`${DESK_BITS_PER_SECOND}bit`)
  try {
    return await work()
  } finally {
    await unshapeDesk()
  }
}

/** By this machine to the lab's network, all nodes together. */
function sentBytes(): number {
  return Number(readFileSync(`/sys/class/net/${labNetwork.bridge}/statistics/tx_bytes`, 'utf8'))
}

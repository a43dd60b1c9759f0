import { shapeNetwork } from '../../../test/lab/network.ts'
import { runAgain } from '../measure/install-run.ts'
import { agentIdle } from '../measure/node.ts'
import { addByHand, addByMojabox } from './add-samples.ts'
import { deliverByHand } from './by-hand.ts'
import { deliverByMojabox } from './by-mojabox.ts'
import { withDockerNode } from './docker-node.ts'
import { mainSet, type Round, type Trial } from './trial.ts'

/** On runtimes beside the main one: what the link takes hardly differs from round to round. */
const FEW_ROUNDS = 3

/** Of the node's link. */
export const LINK100_BITS_PER_SECOND = 100_000_000

/** The same over a link of 100 Mbit/s: cold each time; the rest once, and by hand through zstd on the main runtime. */
export async function measureLink100(trial: Trial, round: Round): Promise<void> {
  if (!trial.runtime.isMain && round.number > FEW_ROUNDS) return
  const { bench, images } = mainSet(trial)
  await withDockerNode(trial.bench, trial.runtime, async (node) => {
    await shapeNetwork(node.name, `${LINK100_BITS_PER_SECOND}bit`)
    addByMojabox(trial, 'mojabox.link100', await deliverByMojabox(bench[1], node, { toTheEnd: round.number === 1 }))
    if (round.number > 1) return
    await agentIdle(node)
    trial.samples.add('mojabox.link100_noop.s', (await runAgain(bench[1], node)).seconds)
    addByMojabox(trial, 'mojabox.link100_upgrade', await deliverByMojabox(bench[2], node, { toTheEnd: true }))
  })
  if (round.number > 1 || !trial.runtime.isMain) return
  await withDockerNode(trial.bench, trial.runtime, async (node) => {
    await shapeNetwork(node.name, `${LINK100_BITS_PER_SECOND}bit`)
    addByHand(trial, 'zstd.link100', await deliverByHand(trial.bench, node, 'zstd', images[1]))
  })
}

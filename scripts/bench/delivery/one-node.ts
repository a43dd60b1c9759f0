import { type InstallRun, runAgain, runInstall } from '../measure/install-run.ts'
import { agentIdle } from '../measure/node.ts'
import { stagesOf } from '../measure/stages.ts'
import { addByHand, addByMojabox } from './add-samples.ts'
import { deliverByHand, type HandWay } from './by-hand.ts'
import { deliverByMojabox } from './by-mojabox.ts'
import { withDockerNode } from './docker-node.ts'
import { mainSet, type Round, say, type Trial } from './trial.ts'

/** Odd, so that the median is a run that happened. */
const RERUNS = 5
/** Rounds with the saved tars, on runtimes beside the main one. */
const TAR_ROUNDS = 3

/** Cold, upgrade and nothing to do on one node at full speed, by hand and by mojabox. */
export async function measureOneNode(trial: Trial, round: Round): Promise<void> {
  const { parts, runtime } = trial
  if (parts.has('cold') || parts.has('upgrade')) await handNode(trial)
  if (parts.has('cold')) {
    if (runtime.isMain || round.number <= TAR_ROUNDS) {
      await coldByHand(trial, 'savedTar')
      await coldByHand(trial, 'savedZstd')
    }
    // No bar is set against this.
    if (round.isLast) await coldByHand(trial, 'zstd')
  }
  if (parts.has('cold') || parts.has('upgrade') || (parts.has('noop') && round.isLast)) await mojaboxNode(trial, round)
  if (parts.has('upgrade') && round.isLast) await upgradeByDelta(trial)
  if (parts.has('cold') && round.isLast) await coldOtherwiseCompressed(trial)
}

/** Cold and then the upgrade. */
async function handNode(trial: Trial): Promise<void> {
  const { images } = mainSet(trial)
  await withDockerNode(trial.bench, trial.runtime, async (node) => {
    addByHand(trial, 'plain.cold', await deliverByHand(trial.bench, node, 'plain', images[1]))
    if (!trial.parts.has('upgrade')) return
    addByHand(trial, 'plain.upgrade', await deliverByHand(trial.bench, node, 'plain', images[2]))
  })
}

async function coldByHand(trial: Trial, way: HandWay): Promise<void> {
  const { tags } = mainSet(trial).images[1]
  const tar = way === 'savedZstd' ? trial.tars.zstd : trial.tars.plain
  await withDockerNode(trial.bench, trial.runtime, async (node) =>
    addByHand(trial, `${way}.cold`, await deliverByHand(trial.bench, node, way, { tags, tar })),
  )
}

/** An upgrade needs an install that came to its end; nothing to do is measured once, many times on the same node. */
async function mojaboxNode(trial: Trial, { isLast }: Round): Promise<void> {
  const { bench } = mainSet(trial)
  const { parts } = trial
  const noop = parts.has('noop') && isLast
  await withDockerNode(trial.bench, trial.runtime, async (node) => {
    const toTheEnd = noop || parts.has('upgrade')
    addByMojabox(trial, 'mojabox.cold', await deliverByMojabox(bench[1], node, { toTheEnd }))
    if (noop) {
      await agentIdle(node)
      for (let rerun = 0; rerun < RERUNS; rerun++) addNoop(trial, await runAgain(bench[1], node))
    }
    if (!parts.has('upgrade')) return
    addByMojabox(trial, 'mojabox.upgrade', await deliverByMojabox(bench[2], node, { toTheEnd: true }))
  })
}

/** The same upgrade with a bundle that carries what has changed, and that inside the layers where the node can make use of it. */
async function upgradeByDelta(trial: Trial): Promise<void> {
  const { bench, delta } = mainSet(trial)
  await withDockerNode(trial.bench, trial.runtime, async (node) => {
    await runInstall(bench[1], node)
    addByMojabox(trial, 'mojabox.delta', await deliverByMojabox(delta, node, { toTheEnd: true }))
  })
}

function addNoop(trial: Trial, run: InstallRun): void {
  trial.samples.add('mojabox.noop.s', run.seconds)
  say(trial, `mojabox.noop: ${run.seconds.toFixed(1)} s (${stagesOf(run)})`)
}

async function coldOtherwiseCompressed(trial: Trial): Promise<void> {
  const { bench } = trial.sets[trial.runtime.compression === 'zstd' ? 'gzip' : 'zstd']
  await withDockerNode(trial.bench, trial.runtime, async (node) =>
    addByMojabox(trial, 'other.cold', await deliverByMojabox(bench[1], node, { toTheEnd: false })),
  )
}

import type { Bench } from '../measure/bench.ts'
import { runInstall, STOP } from '../measure/install-run.ts'
import { receivedBytes } from '../measure/meters.ts'
import type { BenchNode } from '../measure/node.ts'
import { type NodeUse, watchNode } from '../measure/node-use.ts'
import { type ProcessUse, processUse } from '../measure/process-use.ts'
import { stagesOf } from '../measure/stages.ts'
import { DATA_PATH } from './docker-node.ts'
import { forgetChecked } from './forget-checked.ts'

export interface Delivery {
  /** From the start of the command to the end of its step `images`: checking the bundle, connecting and the executable too. */
  seconds: number
  /** Of these, those before the step. */
  beforeSeconds: number
  /** The step's own, as it says itself. */
  stepSeconds: number
  /** Until the end of the step. */
  node: NodeUse
  /** While the step was on. */
  step: NodeUse
  desk: ProcessUse
  /** The command to its end, where it was let run. */
  whole?: { seconds: number; receivedBytes: number }
  /** At which second what was reached, for whoever wants to know where the time goes. */
  stages: string
}

/**
 * `mojabox install` with a bundle that the desk has not seen before: all of it, or killed once the images are there, when the node is to be removed anyway.
 * @throws Error when it fails, or has no images to deliver
 */
export async function deliverByMojabox(
  bench: Bench,
  node: BenchNode,
  { toTheEnd }: { toTheEnd: boolean },
): Promise<Delivery> {
  await forgetChecked(bench)
  const bytesBefore = receivedBytes(node)
  const watch = watchNode(node, DATA_PATH)
  let step: { watch: ReturnType<typeof watchNode>; beforeSeconds: number } | undefined
  let delivered: Omit<Delivery, 'stages' | 'whole'> | undefined
  const run = await runInstall(bench, node, (event, pid) => {
    if (event.type === 'step-started' && event.id === 'images') {
      step = { watch: watchNode(node, DATA_PATH), beforeSeconds: event.afterSeconds }
    }
    if (event.type !== 'step-done' || event.id !== 'images' || !step) return undefined
    const { afterSeconds: seconds, seconds: stepSeconds } = event
    const { beforeSeconds } = step
    const use = { node: watch.end(), step: step.watch.end(), desk: processUse(pid) }
    delivered = { seconds, beforeSeconds, stepSeconds, ...use }
    return toTheEnd ? undefined : STOP
  })
  if (!delivered) throw new Error('mojabox install: no step `images`')
  const whole = { seconds: run.seconds, receivedBytes: receivedBytes(node) - bytesBefore }
  return { ...delivered, stages: stagesOf(run), ...(toTheEnd && { whole }) }
}

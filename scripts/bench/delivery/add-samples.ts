import { percentOverFinal } from '../measure/node-use.ts'
import type { HandDelivery } from './by-hand.ts'
import type { Delivery } from './by-mojabox.ts'
import { say, type Trial } from './trial.ts'

/** Keeps what a delivery by hand took under a name, such as `plain.cold`. */
export function addByHand(trial: Trial, name: string, delivery: HandDelivery): void {
  const { seconds, node, deskCpuSeconds } = delivery
  const { samples } = trial
  samples.add(`${name}.s`, seconds)
  samples.add(`${name}.bytes`, node.receivedBytes)
  samples.add(`${name}.over_final_pct`, percentOverFinal(node.disk))
  samples.add(`${name}.node_cpu_s`, node.cpuSeconds)
  samples.add(`${name}.node_memory`, node.peakMemoryBytes)
  samples.add(`${name}.desk_cpu_s`, deskCpuSeconds)
  say(trial, `${name} by hand: ${seconds.toFixed(1)} s`)
}

/** Keeps what a delivery by mojabox took under a name, such as `mojabox.cold`. */
export function addByMojabox(trial: Trial, name: string, delivery: Delivery): void {
  const { seconds, beforeSeconds, stepSeconds, node, step, desk, whole, stages } = delivery
  const { samples } = trial
  samples.add(`${name}.s`, seconds)
  samples.add(`${name}.before_s`, beforeSeconds)
  samples.add(`${name}.step_s`, stepSeconds)
  samples.add(`${name}.bytes`, node.receivedBytes)
  samples.add(`${name}.step_bytes`, step.receivedBytes)
  samples.add(`${name}.over_final_pct`, percentOverFinal(step.disk))
  samples.add(`${name}.node_cpu_s`, node.cpuSeconds)
  samples.add(`${name}.node_memory`, node.peakMemoryBytes)
  samples.add(`${name}.desk_cpu_s`, desk.cpuSeconds)
  samples.add(`${name}.desk_memory`, desk.peakMemoryBytes)
  if (whole) {
    samples.add(`${name}.whole_s`, whole.seconds)
    samples.add(`${name}.whole_bytes`, whole.receivedBytes)
  }
  say(trial, `${name}: ${seconds.toFixed(1)} s (${stages})`)
}

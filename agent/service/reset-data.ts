import type { Emit } from '../contract/events.ts'
import type { Step, StepContext } from '../contract/step.ts'
import type { WorkOrder } from '../contract/work-order.ts'
import type { Handlers } from '../engine/engine.ts'
import { readNodeState } from './status.ts'

/** The order for what is installed here, whatever the desk's site says: same bundle, profile and settings. */
export async function orderAsInstalled(order: WorkOrder): Promise<WorkOrder> {
  const state = await readNodeState()
  if (!state) return order
  const { bundle, deployment, profile, settings } = state
  return { ...order, bundle, deployment, profile, settings, deleteData: true }
}

/**
 * Takes the hub's services and their data away, as an uninstall with `deleteData` would; secrets stay. Not journaled: what
 * the journal says of these steps stays true of the host, and the install that follows observes what is missing. Cut
 * anywhere, the same command again, or an install, ends in the same state.
 */
export async function removeData(
  steps: Step[],
  handlers: Handlers,
  context: (step: Step) => StepContext,
  emit: Emit,
): Promise<void> {
  const id = 'reset-data'
  const title = 'the hub’s data taken away'
  const startedAt = Date.now()
  emit({ type: 'step-started', id, title, index: 0, count: 1 })
  for (const step of steps.filter(({ kind }) => kind === 'compose').reverse()) {
    const stepContext = context(step)
    stepContext.signal.throwIfAborted()
    await handlers(step.kind).undo?.(stepContext, step.params, null)
  }
  emit({ type: 'step-done', id, title, changed: true, seconds: Math.round(Date.now() - startedAt) / 1000 })
}

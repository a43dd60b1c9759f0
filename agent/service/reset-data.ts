import type { Emit } from '../contract/events.ts'
import type { Step, StepContext } from '../contract/step.ts'
import type { Handlers } from '../engine/engine.ts'
import type { Journal } from '../engine/journal.ts'

/**
 * The steps that make the data, as they were last applied here: from the first services on. The journal has them whole, so
 * that no bundle is needed, and the site at the desk does not matter.
 */
export function dataSteps(journal: Pick<Journal, 'applied'>): Step[] {
  const steps = journal
    .applied()
    .filter(({ kept }) => !kept)
    .map(({ step }) => step)
  const first = steps.findIndex(({ kind }) => kind === 'compose')
  return first < 0 ? [] : steps.slice(first)
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
  const startedAt = performance.now()
  emit({ type: 'step-started', id, title, index: 0, count: 1 })
  for (const step of steps.filter(({ kind }) => kind === 'compose').reverse()) {
    const given = context(step)
    const stepContext = { ...given, order: { ...given.order, deleteData: true } }
    stepContext.signal.throwIfAborted()
    await handlers(step.kind).undo?.(stepContext, step.params, null)
  }
  emit({ type: 'step-done', id, title, changed: true, seconds: Math.round(performance.now() - startedAt) / 1000 })
}

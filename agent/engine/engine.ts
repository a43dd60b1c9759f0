import { factsOf, MojaboxError } from '../../bundles/format/error.ts'
import type { Emit, PlannedStep } from '../contract/events.ts'
import type { Step, StepContext, StepHandler } from '../contract/step.ts'
import { diskFailure } from '../store/disk-space.ts'
import type { Journal } from './journal.ts'

/** Finds the handler of a step kind; unknown kinds are a bug. */
export type Handlers = (kind: string) => StepHandler<unknown>

/** What a run would do: the same observation as a run, without `apply`. */
export async function planSteps(steps: Step[], handlers: Handlers, context: StepContext): Promise<PlannedStep[]> {
  const planned: PlannedStep[] = []
  for (const step of steps) {
    const handler = handlers(step.kind)
    // A step that cannot be observed yet (its ground is laid by an earlier one) has still to be done.
    const done = await handler.isDone(context, step.params).catch(() => false)
    context.signal.throwIfAborted()
    planned.push({ id: step.id, kind: step.kind, title: handler.describe(step.params), done })
  }
  return planned
}

/**
 * Brings every step to done, in order: observe, journal, apply, observe again.
 * @returns how many steps changed something
 * @throws MojaboxError of the first step that fails; what was done stays and a re-run goes on from there
 */
export async function applySteps(
  steps: Step[],
  handlers: Handlers,
  context: (step: Step) => StepContext,
  journal: Journal,
  emit: Emit,
): Promise<number> {
  let changed = 0
  for (const [index, step] of steps.entries()) {
    const handler = handlers(step.kind)
    const title = handler.describe(step.params)
    const stepContext = context(step)
    stepContext.signal.throwIfAborted()
    const startedAt = performance.now()
    emit({ type: 'step-started', id: step.id, title, index, count: steps.length })
    try {
      const applied = await applyOne(step, handler, stepContext, journal)
      if (applied) changed += 1
      emit({ type: 'step-done', id: step.id, title, changed: applied, seconds: secondsSince(startedAt) })
    } catch (error) {
      if (stepContext.signal.aborted) throw stepContext.signal.reason
      const failure = inStep(title, error)
      emit({ type: 'step-failed', id: step.id, title, error: failure.facts })
      // On a full disk this line cannot be kept either; the failure is told all the same.
      await journal
        .append({ run: stepContext.order.run, phase: 'failed', step, error: failure.message })
        .catch(() => {})
      throw failure
    }
  }
  return changed
}

async function applyOne(
  step: Step,
  handler: StepHandler<unknown>,
  context: StepContext,
  journal: Journal,
): Promise<boolean> {
  if (await handler.isDone(context, step.params)) return false
  // Looked at once: what an earlier run of ours left is not what was there before us.
  const known = journal.applied().some((applied) => applied.step.id === step.id)
  const before = known ? null : ((await handler.before?.(context, step.params)) ?? null)
  await journal.append({ run: context.order.run, phase: 'before', step, before })
  await handler.apply(context, step.params)
  if (!(await handler.isDone(context, step.params))) {
    throw new MojaboxError({
      code: 'step-unsettled',
      kind: 'step',
      message: `${handler.describe(step.params)}: done, but not seen as done afterwards`,
      next: 'run the same command again; if it stays so, `mojabox status` and the journal on the node say more',
    })
  }
  await journal.append({ run: context.order.run, phase: 'after', step })
  return true
}

const TAKE_AWAY = 'Take them away and run uninstall again to have it go'

/**
 * Takes back what the journal says was applied, last first; data stays unless the order says `deleteData`.
 * @returns how many steps were undone
 */
export async function undoSteps(
  handlers: Handlers,
  context: (step: Step) => StepContext,
  journal: Journal,
  emit: Emit,
): Promise<number> {
  const applied = journal.applied().reverse()
  const todo = applied.filter(({ step, kept }) => !kept || context(step).order.deleteData)
  let undone = 0
  for (const [index, { step, before }] of todo.entries()) {
    const handler = handlers(step.kind)
    const title = `undo: ${handler.describe(step.params)}`
    const stepContext = context(step)
    stepContext.signal.throwIfAborted()
    const startedAt = performance.now()
    emit({ type: 'step-started', id: step.id, title, index, count: todo.length })
    try {
      const needed = (await handler.neededBy?.(stepContext, step.params, before)) ?? []
      if (needed.length > 0) {
        stepContext.note(
          `${handler.describe(step.params)}: stays, as others use it: ${needed.join(', ')}. ${TAKE_AWAY}`,
        )
        emit({ type: 'step-done', id: step.id, title, changed: false, seconds: secondsSince(startedAt) })
        continue
      }
      await handler.undo?.(stepContext, step.params, before)
      undone += 1
      const phase = handler.keepsData && !stepContext.order.deleteData ? 'kept' : 'undone'
      await journal.append({ run: stepContext.order.run, phase, step })
      emit({ type: 'step-done', id: step.id, title, changed: true, seconds: secondsSince(startedAt) })
    } catch (error) {
      if (stepContext.signal.aborted) throw stepContext.signal.reason
      const failure = inStep(title, error)
      emit({ type: 'step-failed', id: step.id, title, error: failure.facts })
      throw failure
    }
  }
  return undone
}

function inStep(title: string, error: unknown): MojaboxError {
  if (error instanceof MojaboxError) return error
  const disk = diskFailure(error)
  if (disk) return disk
  const facts = factsOf(error)
  return new MojaboxError(
    { ...facts, code: 'step-failed', kind: 'step', message: `${title}: ${facts.message}` },
    { cause: error },
  )
}

function secondsSince(startedAt: number): number {
  return Math.round(performance.now() - startedAt) / 1000
}

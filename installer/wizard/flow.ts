import { type ErrorFacts, factsOf } from '../../bundles/format/error.ts'
import type { Draft } from './draft.ts'
import { BACK, type Prompter } from './prompter.ts'
import type { Deed, Done, StepId, World } from './step.ts'
import { STEPS } from './steps/registry.ts'

/** What the flow has besides its steps. */
export interface Surroundings {
  prompter: Prompter
  world(): World
  /** Carries out a deed. Rejects only where the wizard must end: an interruption, an install that failed, a bug. */
  carryOut(deed: Deed, draft: Draft): Promise<Done>
  /** Called with every new answer, before anything is done about it. */
  remember(draft: Draft): Promise<void>
  say(lines: readonly string[]): void
  complain(problem: ErrorFacts): void
  /** Before each question. @throws MojaboxError `terminal-too-small` */
  requireRoom(): void
}

/** Asks from `start` to the end, forward and back. @returns the answers, and the last deed that was done */
export async function runFlow(
  start: StepId,
  given: Draft,
  around: Surroundings,
): Promise<{ draft: Draft; last?: Deed }> {
  const path: StepId[] = []
  let current: StepId = start
  let draft = given
  let told: StepId | undefined
  for (;;) {
    around.requireRoom()
    const step = STEPS[current]
    const world = around.world()
    if (told !== current) around.say(step.tell?.(draft, world) ?? [])
    told = current
    const answer = await around.prompter.ask(step.ask(draft, world), path.length > 0)
    if (answer === BACK) {
      current = path.pop() ?? start
      told = undefined
      continue
    }
    const taken = step.take(draft, answer, world)
    if ('problem' in taken) {
      around.complain(taken.problem)
      continue
    }
    draft = taken.draft
    await around.remember(draft)
    const { next, deeds = [] } = taken
    const failed = await carryOutAll(deeds, draft, around)
    draft = failed.draft
    await around.remember(draft)
    if (failed.deed) {
      told = undefined
      current = went(path, current, failed.deed.trouble ?? current)
    } else if (next === undefined) {
      const last = deeds.at(-1)
      return { draft, ...(last && { last }) }
    } else {
      told = undefined
      current = went(path, current, next)
    }
  }
}

/** Until one fails; says why. */
async function carryOutAll(deeds: readonly Deed[], given: Draft, around: Surroundings) {
  let draft = given
  for (const deed of deeds) {
    const done = await around.carryOut(deed, draft)
    draft = done.draft
    if (!done.problem) continue
    if (!done.told) around.complain(done.problem)
    return { draft, deed }
  }
  return { draft, deed: undefined }
}

/** A question that was asked before is gone back to; a new one comes after the one just answered. */
function went(path: StepId[], from: StepId, to: StepId): StepId {
  if (to === from) return to
  const before = path.indexOf(to)
  if (before >= 0) path.length = before
  else if (!STEPS[from].detour) path.push(from)
  return to
}

/** Whether an error ends the wizard: what nobody at the terminal can mend by another answer. */
export function endsAll(error: unknown): boolean {
  const { kind } = factsOf(error)
  return kind === 'bug' || kind === 'interrupted'
}

import type { StepContext } from '../../../agent/contract/step.ts'

/** A step's context with nothing behind it but the site's name; notes are kept. */
export function stepContext(site = 'kigali'): StepContext & { notes: string[] } {
  const notes: string[] = []
  const context: Partial<StepContext> = {
    signal: new AbortController().signal,
    progress: () => {},
    note: (message) => notes.push(message),
  }
  return Object.assign(context as StepContext, { notes, order: { site } as StepContext['order'] })
}

import { CHECK } from '../after.ts'
import { cannot, type Step } from '../step.ts'
import { typedPath } from '../typed-path.ts'

/** The base of a delta, where a host lacks what the delta leaves out and the base was not found by looking. */
export const baseFile: Step = {
  detour: true,
  ask: (draft) => ({ kind: 'text', message: 'Which bundle is it a delta of? Its file:', initial: draft.base }),
  take(draft, answer, { folder }) {
    const base = typedPath(answer, folder)
    if (base === undefined) return cannot('no file is named', 'nothing', 'the path of a bundle', 'type it again')
    return { draft: { ...draft, base }, ...CHECK }
  },
}

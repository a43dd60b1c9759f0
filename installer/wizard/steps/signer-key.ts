import { CHECK } from '../after.ts'
import { cannot, type Step } from '../step.ts'
import { typedPath } from '../typed-path.ts'

/** The public key that must have signed the bundle. */
export const signerKey: Step = {
  detour: true,
  ask: (draft) => ({ kind: 'text', message: 'Which public key? Its file:', initial: draft.trust[0] }),
  take(draft, answer, { folder }) {
    const path = typedPath(answer, folder)
    if (path === undefined) return cannot('no file is named', 'nothing', 'the path of a public key', 'type it again')
    const trusting = { ...draft, trust: [path], allowUnsigned: false }
    return { ...CHECK, draft: trusting, deeds: [{ kind: 'trust' }, ...CHECK.deeds] }
  },
}

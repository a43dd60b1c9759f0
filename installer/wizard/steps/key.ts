import { resolve } from 'node:path'
import { hostText } from '../draft.ts'
import { cannot, type Step } from '../step.ts'
import { reachPending } from './host.ts'

/** The private key for the host that did not let us in. */
export const key: Step = {
  detour: true,
  ask: ({ pending }) => ({
    kind: 'text',
    message: `Which private key opens ${pending ? hostText(pending) : 'it'}? Its file:`,
    initial: pending?.identityFile ?? '~/.ssh/id_ed25519',
  }),
  take(draft, answer, { folder }) {
    const path = answer.trim()
    if (path === '') return cannot('no file is named', 'nothing', 'the path of a private key', 'type it again')
    if (!draft.pending) return { draft, next: 'host' }
    const identityFile = path.startsWith('~/') ? path : resolve(folder, path)
    return reachPending({ ...draft, pending: { ...draft.pending, identityFile } })
  },
}

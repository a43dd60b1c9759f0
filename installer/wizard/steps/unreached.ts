import { hostText } from '../draft.ts'
import type { Step } from '../step.ts'
import { reachPending } from './host.ts'

/** A host did not let us in: what now? */
export const unreached: Step = {
  detour: true,
  ask({ pending, hosts }) {
    const name = pending ? hostText(pending) : 'the host'
    return {
      kind: 'choice',
      message: `What about ${name}?`,
      choices: [
        { value: 'again', label: 'Try again', about: 'What you mended on the host in the meantime counts.' },
        { value: 'anew', label: 'Correct its user, address or port' },
        { value: 'key', label: 'Log in with another private key' },
        ...(hosts.length > 0 ? [{ value: 'without', label: 'Go on without it' }] : []),
      ],
    }
  },
  take(draft, answer) {
    if (answer === 'again') return reachPending(draft)
    if (answer === 'key') return { draft, next: 'key' }
    if (answer === 'without') return { draft: { ...draft, pending: undefined }, next: 'hosts' }
    return { draft, next: 'host' }
  },
}

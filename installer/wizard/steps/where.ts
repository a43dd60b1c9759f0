import { afterHosts } from '../after.ts'
import type { Step } from '../step.ts'

export const where: Step = {
  ask: (draft) => ({
    kind: 'choice',
    message: 'Where shall the hub run?',
    choices: [
      { value: 'here', label: 'On this machine' },
      { value: 'hosts', label: 'On other machines, over SSH', about: 'One or several; each gets a hub of its own.' },
    ],
    initial: draft.where,
  }),
  take(draft, answer) {
    const chosen = { ...draft, where: answer === 'here' ? ('here' as const) : ('hosts' as const) }
    if (chosen.where === 'here') return { draft: chosen, ...afterHosts(chosen) }
    return { draft: chosen, next: draft.hosts.length > 0 ? 'hosts' : 'host' }
  },
}

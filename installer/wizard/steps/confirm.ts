import { hostsOf } from '../draft.ts'
import type { Step } from '../step.ts'

/** The one question before anything is changed. */
export const confirm: Step = {
  ask(draft) {
    const count = hostsOf(draft).length
    return {
      kind: 'choice',
      message: 'Shall this be done?',
      choices: [
        { value: 'install', label: count === 1 ? 'Yes, install' : `Yes, install on ${count} hosts` },
        { value: 'write', label: 'Not now: only write mojabox.yaml', about: '`mojabox install` does it later.' },
        { value: 'profile', label: 'Choose another profile' },
        { value: 'bundle', label: 'Choose another bundle' },
        draft.where === 'here'
          ? { value: 'where', label: 'Install somewhere else' }
          : { value: 'hosts', label: 'Change the hosts' },
      ],
    }
  },
  take(draft, answer) {
    switch (answer) {
      case 'profile':
      case 'bundle':
      case 'where':
      case 'hosts':
        return { draft, next: answer }
      default:
        return { draft, deeds: [{ kind: answer === 'install' ? 'install' : 'write' }], next: undefined }
    }
  },
}

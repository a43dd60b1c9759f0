import { CHECK } from '../after.ts'
import type { Step } from '../step.ts'

/** The checks found something that must be mended, or changed, first. */
export const unready: Step = {
  detour: true,
  ask: (draft, { search }) => ({
    kind: 'choice',
    message: 'What now?',
    choices: [
      { value: 'again', label: 'Check again', about: 'When you have mended what was found.' },
      { value: 'profile', label: 'Choose another profile' },
      { value: 'ports', label: 'Give the hub other ports' },
      { value: 'bundle', label: 'Choose another bundle' },
      ...(search.bundles.some(({ path, baseDigest }) => path === draft.bundle && baseDigest !== undefined)
        ? [{ value: 'base-file', label: 'Name the bundle that this one is a delta of' }]
        : []),
      ...(draft.trust.length > 0 ? [{ value: 'signer', label: 'Say anew whom to trust' }] : []),
      draft.where === 'here'
        ? { value: 'where', label: 'Install somewhere else' }
        : { value: 'hosts', label: 'Change the hosts' },
      { value: 'stop', label: 'Stop here', about: 'The answers are kept: `mojabox` goes on with them.' },
    ],
  }),
  take(draft, answer) {
    switch (answer) {
      case 'profile':
      case 'ports':
      case 'bundle':
      case 'base-file':
      case 'signer':
      case 'where':
      case 'hosts':
        return { draft, next: answer }
      case 'stop':
        return { draft, next: undefined }
      default:
        return { draft, ...CHECK }
    }
  },
}

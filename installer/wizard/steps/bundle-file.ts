import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { CHECK } from '../after.ts'
import { cannot, type Step } from '../step.ts'

/** A bundle that was not found by looking: its path is typed. */
export const bundleFile: Step = {
  detour: true,
  tell: (_draft, { search }) =>
    search.bundles.length > 0
      ? []
      : ['No bundle was found beside mojabox, in this folder, or on removable media (/media, /run/media, /mnt).'],
  ask: (draft) => ({ kind: 'text', message: 'Which bundle? Its file:', initial: draft.bundle }),
  take(draft, answer, { folder, search }) {
    const typed = answer.trim()
    if (typed === '') return cannot('no file is named', 'nothing', 'the path of a bundle', 'type it again')
    const path = typed.startsWith('~/') ? resolve(homedir(), typed.slice(2)) : resolve(folder, typed)
    const chosen = { ...draft, bundle: path }
    if (search.bundles.length === 0) return { draft: chosen, deeds: [{ kind: 'open', path }], next: 'purpose' }
    return { ...CHECK, draft: chosen, deeds: [{ kind: 'open', path }, ...CHECK.deeds] }
  },
}

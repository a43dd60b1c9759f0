import { afterBundle, withBundle } from '../after.ts'
import { cannot, type Step } from '../step.ts'
import { typedPath } from '../typed-path.ts'

/** A bundle that was not found by looking: its path is typed. */
export const bundleFile: Step = {
  detour: true,
  tell: (_draft, { search }) =>
    search.bundles.length > 0
      ? []
      : ['No bundle was found beside mojabox, in this folder, or on removable media (/media, /run/media, /mnt).'],
  ask: (draft) => ({ kind: 'text', message: 'Which bundle? Its file:', initial: draft.bundle }),
  take(draft, answer, world) {
    const { folder, search } = world
    const path = typedPath(answer, folder)
    if (path === undefined) return cannot('no file is named', 'nothing', 'the path of a bundle', 'type it again')
    const chosen = withBundle(draft, path, world)
    if (search.bundles.length === 0) return { draft: chosen, deeds: [{ kind: 'open', path }], next: 'purpose' }
    const { deeds, next } = afterBundle(chosen)
    return { draft: chosen, deeds: [{ kind: 'open', path }, ...deeds], next }
  },
}

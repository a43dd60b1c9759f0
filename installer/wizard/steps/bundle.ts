import { basename, dirname } from 'node:path'
import { bytesText } from '../../../bundles/format/bytes-text.ts'
import { afterBundle, withBundle } from '../after.ts'
import { searchWords } from '../search-words.ts'
import { cannot, type Step } from '../step.ts'

const FILE = '\u0000file'

/** Which of the bundles that carry the profile; the newest first. */
export const bundle: Step = {
  tell: (_draft, world) => searchWords(world),
  ask(draft, { search }) {
    const serving = search.bundles.filter(({ profiles }) => profiles.some(({ name }) => name === draft.profile))
    return {
      kind: 'choice',
      message: 'Which bundle?',
      choices: [
        ...serving.map(({ path, version, sizeBytes, modifiedMs }) => ({
          value: path,
          label: `${basename(path)}: version ${version}, ${bytesText(sizeBytes)}, of ${dayOf(modifiedMs)}`,
          about: `In ${dirname(path)}`,
        })),
        { value: FILE, label: 'Another file' },
      ],
      initial: draft.bundle,
    }
  },
  take(draft, answer, world) {
    if (answer === FILE) return { draft, next: 'bundle-file' }
    if (!world.search.bundles.some(({ path }) => path === answer))
      return cannot('no such bundle', answer, 'one of the list', 'choose another one')
    const chosen = withBundle(draft, answer, world)
    return { draft: chosen, ...afterBundle(chosen) }
  },
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

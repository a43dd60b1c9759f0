import { mustNameBundle } from '../after.ts'
import { offersOf } from '../offers.ts'
import { ANY_PROFILE, PURPOSES } from '../purposes.ts'
import { searchWords } from '../search-words.ts'
import type { Step, World } from '../step.ts'
import { bundleFile } from './bundle-file.ts'

/** What the hub is for; without any bundle, that is asked first. */
export const purpose: Step = {
  tell: (draft, world) => [
    ...searchWords(world),
    ...(mustNameBundle(world) ? (bundleFile.tell?.(draft, world) ?? []) : []),
  ],
  ask(draft, world) {
    if (mustNameBundle(world)) return bundleFile.ask(draft, world)
    return {
      kind: 'choice',
      message: 'What is the hub for?',
      choices: [
        ...PURPOSES.filter(({ profiles }) => profiles.some((name) => isOffered(name, world))).map(
          ({ id, label, about }) => ({ value: id, label, about }),
        ),
        { value: ANY_PROFILE, label: 'Something else: choose among all profiles' },
      ],
      initial: draft.purpose,
    }
  },
  take(draft, answer, world) {
    if (mustNameBundle(world)) return bundleFile.take(draft, answer, world)
    return { draft: { ...draft, purpose: answer }, next: 'profile' }
  },
}

function isOffered(name: string, world: World): boolean {
  return offersOf(world).some((offer) => offer.name === name)
}

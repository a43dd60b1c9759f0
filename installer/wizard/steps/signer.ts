import { basename } from 'node:path'
import { CHECK } from '../after.ts'
import type { Draft } from '../draft.ts'
import type { Step, World } from '../step.ts'

/** Whose bundles are taken: nothing on a host changes before that is settled. */
export const signer: Step = {
  tell(draft, world) {
    const name = basename(draft.bundle ?? '')
    const signers = signersOf(draft, world)
    if (signers.length > 0) return [`${name} is signed by ${signers.join(', ')}; nobody has said yet whom to trust.`]
    return [`${name} is not signed: nothing shows who made it.`]
  },
  ask(draft, world) {
    const signed = signersOf(draft, world).length > 0
    return {
      kind: 'choice',
      message: 'Do you trust this bundle?',
      choices: [
        ...(signed
          ? [
              {
                value: 'key',
                label: 'Yes, if the key that I name signed it',
                about: 'From then on only bundles with its signature are taken.',
              },
            ]
          : []),
        {
          value: 'unsigned',
          label: signed ? 'Yes, whoever signed it' : 'Yes, without a signature',
          about: 'Where you made it yourself, or know where it comes from. Reports say so.',
        },
        { value: 'bundle', label: 'Choose another bundle' },
      ],
    }
  },
  take(draft, answer) {
    if (answer === 'bundle') return { draft, next: 'bundle' }
    if (answer === 'key') return { draft, next: 'signer-key' }
    return { draft: { ...draft, trust: [], allowUnsigned: true }, ...CHECK }
  },
}

function signersOf({ bundle }: Draft, { search }: World): readonly string[] {
  return search.bundles.find(({ path }) => path === bundle)?.signers ?? []
}

import { signaturePath } from '../../../bundles/format/signature.ts'
import { EXIT } from '../../e2e/support/expectations.ts'
import { Medium } from '../../lab/medium.ts'
import { type FaultRow, VERBS } from '../row.ts'

/** The bundle lies on a stick that is pulled out in the middle; then the command is run with a copy. */
export const mediaRows: FaultRow[] = VERBS.map((verb) => ({
  id: `media/pulled-out/${verb}`,
  title: 'the stick with the bundle is pulled out of the desk while images travel',
  verb,
  async run(ground) {
    const subject = await ground.subject(verb)
    const medium = await Medium.make(subject.desk.folder, [subject.bundle, signaturePath(subject.bundle)])
    try {
      const command = subject.start({}, ['--bundle', medium.pathOf(subject.bundle), '--limit-rate', '8M'])
      await command.saw('step-progress', ({ id, done, total }) => id === 'images' && done > total / 3)
      await medium.pullOut()
      return await subject.recovered(await command.ended, { exit: EXIT.bundle, code: 'bundle-unreadable' })
    } finally {
      await medium.remove()
    }
  },
}))

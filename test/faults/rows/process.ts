import type { MojaboxProcess } from '../../e2e/support/mojabox-process.ts'
import { type FaultRow, VERBS } from '../row.ts'

/** Waits until that part of the images' bytes has come. */
async function transferred(command: MojaboxProcess, part: number): Promise<void> {
  await command.saw('step-progress', ({ id, done, total }) => id === 'images' && done >= total * part)
}

const deskKilled = VERBS.flatMap((verb) =>
  [10, 50, 90].map(
    (percent): FaultRow => ({
      id: `process/desk-killed-at-${percent}/${verb}`,
      title: `SIGKILL of the desk at ${percent} % of the transfer`,
      verb,
      ...(verb === 'upgrade' && percent === 50 && { fast: true }),
      async run(ground) {
        const subject = await ground.subject(verb)
        const command = subject.start()
        await transferred(command, percent / 100)
        command.signal('SIGKILL')
        return subject.recovered(await command.ended, 'killed')
      },
    }),
  ),
)

/** Processes that are killed: the desk's, the engine's, and those that the engine has work for it. */
export const processRows: readonly FaultRow[] = [...deskKilled]

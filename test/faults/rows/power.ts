import { expect } from 'vitest'
import type { MojaboxProcess } from '../../e2e/support/mojabox-process.ts'
import { powerCycleNode } from '../../lab/nodes.ts'
import { waitFor } from '../../lab/wait.ts'
import type { Ground } from '../ground.ts'
import { armPoints, disarmPoints, hitPoints } from '../points/points.ts'
import { type FaultRow, type FaultVerb, type Outcome, VERBS } from '../row.ts'

interface Cut {
  fault: string
  title: string
  /** Where the engine stands still when the power goes. */
  point: string
}

const BLOBS = '/var/lib/mojabox/store/blobs/sha256/BLOB'
const CUTS: readonly Cut[] = [
  { fault: 'before-rename', title: 'before a blob is renamed into the store', point: `rename:${BLOBS}` },
  { fault: 'journal-write', title: 'as a line of the journal is written', point: 'journal:before:images' },
  { fault: 'journal-written', title: 'when the line is on disk and nothing else', point: 'journaled:images' },
  {
    fault: 'file-rename',
    title: 'before the Compose file is renamed into place',
    point: 'rename:/var/lib/mojabox/deployments/core-test-harness/compose.yaml',
  },
  { fault: 'applied', title: 'when all services run and the journal does not say so yet', point: 'applied:services' },
  {
    fault: 'state-rename',
    title: 'before the record of what is installed is renamed into place',
    point: 'rename:/var/lib/mojabox/node.json',
  },
]

async function cutAtEach(
  ground: Ground,
  verb: FaultVerb,
  points: readonly string[],
): Promise<{ points: string[]; outcome: Outcome }> {
  // A hub that rows share was upgraded before: its store has the later bundle's blobs already.
  const subject = await ground.ownSubject(verb)
  const { name } = subject.host
  await armPoints(
    name,
    points.map((point) => ['stop', point]),
  )
  const command = subject.start({ timeoutMs: 20 * 60_000 })
  let over = false
  const ended = command.ended.finally(() => {
    over = true
  })
  for (const [index] of points.entries()) {
    await waitFor('the next point', async () => over || (await hitPoints(name)).length > index, { timeoutMs: 180_000 })
    if (over) break
    subject.host = await powerCycleNode(name)
  }
  const last = await ended
  const hit = await hitPoints(name)
  await disarmPoints(name)
  return { points: hit, outcome: await subject.recovered(last, 'done') }
}

const atPoints = VERBS.flatMap((verb) =>
  CUTS.map(
    ({ fault, title, point }): FaultRow => ({
      id: `power/${fault}/${verb}`,
      title: `power cut ${title}`,
      verb,
      points: [point],
      async run(ground) {
        const asked = CUTS.map((cut) => cut.point).filter((each) =>
          ground.rows.some((row) => row.verb === verb && row.points?.includes(each)),
        )
        const cut = await ground.once(`power cuts in ${verb}`, () => cutAtEach(ground, verb, asked))
        expect(cut.points).toContain(point)
        return cut.outcome
      },
    }),
  ),
)

/** Cuts the power while `dpkg-deb` runs in the host: not the engine's own work. */
const whileUnpacks = (
  fault: string,
  title: string,
  begun: (command: MojaboxProcess) => Promise<unknown>,
): FaultRow => ({
  id: `power/${fault}/install`,
  title: `power cut ${title}`,
  verb: 'install',
  async run(ground) {
    const subject = await ground.bare()
    const command = subject.start()
    await begun(command)
    await subject.running('dpkg-deb')
    subject.host = await powerCycleNode(subject.host.name)
    return subject.recovered(await command.ended, 'done')
  },
})

/** The host loses its power. Its kernel is this machine's, so what was written is there: a missing sync does not show. */
export const powerRows: readonly FaultRow[] = [
  whileUnpacks('executable', 'while the executable comes', (command) => command.saw('transfer')),
  whileUnpacks('package-unpack', 'while dpkg unpacks', (command) =>
    command.saw('step-started', ({ id }) => id === 'packages'),
  ),
  ...atPoints,
]

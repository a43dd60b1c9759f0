import { expect } from 'vitest'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import type { Ground } from './ground.ts'
import { armPoints, disarmPoints, hitPoints } from './points/points.ts'
import { type FaultRow, type FaultVerb, type Outcome, VERBS } from './row.ts'
import { stepsOf } from './steps.ts'

const GROUP = 'process/engine-killed'

/** Where the engine dies around a step: before it, and before its work; after its work, and after it. */
const AROUND = {
  before: ['started', 'journaled'],
  after: ['applied', 'done'],
} as const

/** Within `npm test`: the steps that do most, and the one that moves money. */
const FAST = ['packages', 'images', 'services', 'participant-mojaboxpayer']

/** A command whose engine was killed again and again, as many times as the rows of the run ask for. */
interface Killed {
  points: string[]
  /** IDs of the steps that had something to do. */
  worked: string[]
  outcome: Outcome
}

/** Before and after every step of the product's own plan; all of them in one command, which goes on each time. */
export const engineKilled: readonly FaultRow[] = (await Promise.all(VERBS.map(rowsOf))).flat()

async function rowsOf(verb: FaultVerb): Promise<FaultRow[]> {
  const steps = await stepsOf(verb)
  return steps.flatMap(({ id: step }) =>
    (['before', 'after'] as const).map((when): FaultRow => {
      const points = AROUND[when].map((point) => `${point}:${step}`)
      return {
        id: `${GROUP}/${when}-${step.toLowerCase().replace(/[^a-z0-9]+/g, '-')}/${verb}`,
        title: `SIGKILL of the node’s process ${when} the step ${step}`,
        verb,
        ...(verb === 'install' && FAST.includes(step) && { fast: true }),
        points,
        async run(ground) {
          const killed = await ground.once(`engine killed in ${verb}`, () => killEngine(ground, verb))
          const [first = '', second = ''] = when === 'before' ? points : points.toReversed()
          const worked = killed.worked.includes(step)
          expect(killed.points).toEqual(expect.arrayContaining(worked ? [first, second] : [first]))
          const times = worked ? 'killed twice' : 'had nothing to do, killed once'
          return { said: killed.outcome.said, outcome: `${times}; ${killed.outcome.outcome}` }
        },
      }
    }),
  )
}

async function killEngine(ground: Ground, verb: FaultVerb): Promise<Killed> {
  const asked = ground.rows.filter((row) => row.verb === verb && row.id.startsWith(GROUP))
  const points = asked.flatMap((row) => row.points ?? [])
  const subject = await ground.ownSubject(verb)
  const begun = async () => {
    const lines = (await subject.on('cat', NODE_PATHS.journal)).split('\n').filter(Boolean)
    return lines.map((line) => JSON.parse(line)).filter(({ phase }) => phase === 'before')
  }
  const earlier = (await begun()).length
  await armPoints(
    subject.host.name,
    points.map((point) => ['kill', point]),
  )
  const ended = await subject.run({ timeoutMs: 20 * 60_000 })
  const hit = await hitPoints(subject.host.name)
  await disarmPoints(subject.host.name)
  const worked = (await begun()).slice(earlier).map(({ step }) => step.id)
  return { points: hit, worked, outcome: await subject.recovered(ended, 'done') }
}

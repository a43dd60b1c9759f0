import { expect } from 'vitest'
import { Desk } from '../../e2e/support/desk.ts'
import { EXIT, expectNoInsides, expectRefused } from '../../e2e/support/expectations.ts'
import { type Harm, rowsAlong } from '../along.ts'
import { type FaultRow, VERBS } from '../row.ts'

const BUSY = /another install is running[\s\S]*started by \S+@/

const twoAtOnce = VERBS.map(
  (verb): FaultRow => ({
    id: `contention/two-at-once/${verb}`,
    title: 'the same command twice, at the same moment',
    verb,
    async run(ground) {
      const subject = await ground.subject(verb)
      const ended = await Promise.all([subject.run(), subject.run()])
      const [first, second] = ended.toSorted((left, right) => (left.code ?? 0) - (right.code ?? 0))
      if (!first || !second) throw new Error('two commands were run')
      expect(expectRefused(second, EXIT.check)).toMatch(BUSY)
      const { outcome } = await subject.recovered(first, 'done')
      return { said: 'exit 0, and exit 3, node-busy', outcome }
    },
  }),
)

const secondDesk: Harm = {
  fault: 'second-desk',
  title: 'a second desk while images travel: the same, another bundle, uninstall',
  fast: ['upgrade'],
  async make(subject, command, ground) {
    const other = await Desk.open()
    const { base, later } = ground.bundles
    const bundles = [subject.bundle, subject.bundle === base ? later : base]
    try {
      for (const bundle of bundles) {
        const ended = await other.run(['install', ...subject.flags, '--bundle', bundle])
        expect(expectRefused(ended, EXIT.check)).toMatch(BUSY)
      }
      expect(expectRefused(await other.run(['uninstall', ...subject.flags]), EXIT.check)).toMatch(BUSY)
    } finally {
      await other.close()
    }
    return command
  },
}

const agent: FaultRow = {
  id: 'contention/agent-and-desk/upgrade',
  title: 'the agent begins anew, and a second command validates, again and again while a desk upgrades',
  verb: 'upgrade',
  async run(ground) {
    const subject = await ground.hub()
    const command = subject.start()
    let asked = 0
    let over = false
    const ended = command.ended.finally(() => {
      over = true
    })
    while (!over) {
      await subject.on('systemctl', 'restart', 'mojabox-agent.service')
      const validated = await subject.desk.run(['validate', ...subject.flags])
      expectNoInsides(validated)
      expect([EXIT.done, EXIT.validation]).toContain(validated.code)
      asked += 1
    }
    expect(asked).toBeGreaterThan(0)
    return subject.recovered(await ended, 'done')
  },
}

/** Who else is at work on the same host. */
export const contentionRows: readonly FaultRow[] = [...twoAtOnce, ...rowsAlong('contention', [secondDesk]), agent]

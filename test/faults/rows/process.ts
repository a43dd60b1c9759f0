import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { DESK_SILENT_MS } from '../../../agent/contract/channel.ts'
import { EXIT, expectNoInsides } from '../../e2e/support/expectations.ts'
import { type Harm, rowsAlong } from '../along.ts'
import { engineKilled } from '../engine-killed.ts'
import { type FaultRow, VERBS } from '../row.ts'
import { ENGINE } from '../subject.ts'

const deskKilled = [10, 50, 90].map(
  (percent): Harm => ({
    fault: `desk-killed-at-${percent}`,
    title: `SIGKILL of the desk at ${percent} % of the transfer`,
    ...(percent === 50 && { fast: ['upgrade'] }),
    at: percent / 100,
    async make(subject, command) {
      command.signal('SIGKILL')
      await command.ended
      return subject.startAgain()
    },
  }),
)

const engineAndDesk: readonly Harm[] = [
  {
    fault: 'engine-killed-at-images',
    title: 'SIGKILL of the node’s process while images travel',
    async make(subject, command) {
      await subject.on('systemctl', 'kill', '--signal=KILL', ENGINE)
      return command
    },
  },
  {
    fault: 'desk-paused',
    title: 'the desk is paused, as Ctrl-Z does, for 12 s',
    async make(_subject, command) {
      command.signal('SIGSTOP')
      // Longer than a desk may be silent before another one may take its place.
      await delay(DESK_SILENT_MS + 4_000)
      command.signal('SIGCONT')
      return command
    },
  },
  {
    fault: 'desk-interrupted',
    title: 'Ctrl-C at the desk while images travel, and the same command again',
    fast: ['upgrade'],
    async make(subject, command) {
      command.signal('SIGINT')
      const ended = await command.ended
      expect(ended.code, ended.stderr).toBe(EXIT.interrupted)
      expect(ended.stderr).toMatch(/interrupted[\s\S]*next: +run the same command again/)
      expectNoInsides(ended)
      await subject.engineIs('inactive')
      return subject.startAgain()
    },
  },
]

/** Before anything of ours is on the host: what has come is there for the next command. */
const underExecutable: FaultRow = {
  id: 'process/desk-killed-under-executable/install',
  title: 'SIGKILL of the desk while the executable travels',
  verb: 'install',
  async run(ground) {
    const subject = await ground.bare()
    const killed = subject.start({}, ['--limit-rate', '8M'])
    await killed.saw('transfer', ({ doneBytes, totalBytes }) => doneBytes > totalBytes / 2)
    killed.signal('SIGKILL')
    await killed.ended
    const command = subject.startAgain()
    const { doneBytes, totalBytes } = await command.saw('transfer', () => true)
    expect(doneBytes).toBeGreaterThan(totalBytes / 3)
    return subject.recovered(await command.ended, 'done')
  },
}

/** A program that works for the engine dies in the middle of it, once. */
const whileRuns: FaultRow[] = [
  {
    id: 'process/engine-killed-at-unpack/install',
    title: 'SIGKILL of the node’s process while dpkg unpacks for it',
    verb: 'install',
    async run(ground) {
      const subject = await ground.bare()
      const command = subject.start()
      // The executable is unpacked by one as well.
      await command.saw('step-started', ({ id }) => id === 'packages')
      await subject.running('dpkg-deb')
      await subject.on('systemctl', 'kill', '--signal=KILL', ENGINE)
      return subject.recovered(await command.ended, 'done')
    },
  },
  {
    id: 'process/dpkg-killed/install',
    title: 'SIGKILL of dpkg while it unpacks',
    verb: 'install',
    async run(ground) {
      const subject = await ground.bare()
      const command = subject.start()
      // The executable is unpacked by one as well.
      await command.saw('step-started', ({ id }) => id === 'packages')
      await subject.running('dpkg-deb')
      await subject.on('pkill', '-KILL', '-x', 'dpkg')
      return subject.recovered(await command.ended, { exit: EXIT.step, code: 'command-failed' })
    },
  },
  ...VERBS.flatMap((verb): FaultRow[] => [
    {
      id: `process/dockerd-killed-at-images/${verb}`,
      title: 'SIGKILL of dockerd while it pulls',
      verb,
      async run(ground) {
        const subject = await ground.subject(verb)
        const command = subject.start({}, ['--limit-rate', '10M'])
        await command.saw('step-progress', ({ id, done, total }) => id === 'images' && done > total / 4)
        await subject.on('pkill', '-KILL', '-x', 'dockerd')
        return subject.recovered(await command.ended, { exit: EXIT.step, code: 'docker-failed' })
      },
    },
    {
      id: `process/dockerd-killed-at-services/${verb}`,
      title: 'SIGKILL of dockerd while services start',
      verb,
      async run(ground) {
        const subject = await ground.subject(verb)
        const command = subject.start()
        await command.saw('step-progress', ({ id }) => id === 'services')
        await subject.on('pkill', '-KILL', '-x', 'dockerd')
        return subject.recovered(await command.ended, {
          exit: EXIT.step,
          code: ['command-failed', 'service-not-healthy'],
        })
      },
    },
    {
      id: `process/agent-killed/${verb}`,
      title: 'SIGKILL of the agent, whenever it has begun anew, until the command’s end',
      verb,
      async run(ground) {
        const subject = await ground.subject(verb)
        const command = subject.start()
        let over = false
        const ended = command.ended.finally(() => {
          over = true
        })
        while (!over) {
          await subject.on('systemctl', 'kill', '--signal=KILL', 'mojabox-agent.service')
          await delay(3_000)
        }
        return subject.recovered(await ended, 'done')
      },
    },
  ]),
]

/** Processes that are killed: the desk's, the engine's, and those that the engine has work for it. */
export const processRows: readonly FaultRow[] = [
  ...rowsAlong('process', [...deskKilled, ...engineAndDesk]),
  underExecutable,
  ...whileRuns,
  ...engineKilled,
]

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { EXIT, errorOf, expectRefused } from '../../e2e/support/expectations.ts'
import { nodeExec } from '../../lab/nodes.ts'
import {
  armPoints,
  disarmPoints,
  hitPoints,
  hits,
  letGoOn,
  type PointAction,
  shiftClock,
  shiftedClock,
} from '../points/points.ts'
import { type FaultRow, type FaultVerb, VERBS } from '../row.ts'
import type { Subject } from '../subject.ts'

const HOUR_S = 3_600
const EVERY_WRITE = ['write:*', 'create:*', 'rename:*', 'journal:before:*', 'journal:after:*']

type Row = Pick<FaultRow, 'title' | 'run'>
const rows = (fault: string, row: (verb: FaultVerb) => Row, verbs: readonly FaultVerb[] = VERBS): FaultRow[] =>
  verbs.map((verb) => ({ id: `resources/${fault}/${verb}`, verb, ...row(verb) }))

/** Each thing that the engine writes fails once with that errno; the command is run until nothing new fails. */
function everyWriteFails(title: string, errno: PointAction, code: string) {
  return (verb: FaultVerb): Row => ({
    title,
    async run(ground) {
      const subject = await ground.subject(verb)
      const { name } = subject.host
      await armPoints(
        name,
        EVERY_WRITE.map((point) => [errno, point]),
      )
      let failures = 0
      for (let known = 0; ; failures += 1) {
        const ended = await subject.run()
        if (ended.code === EXIT.done) {
          const points = (await hitPoints(name)).length
          await disarmPoints(name)
          const { outcome } = await subject.recovered(ended, 'done')
          return {
            said: `exit ${EXIT.step}, ${code}, ${failures} times`,
            outcome: `${points} writes failed; ${outcome}`,
          }
        }
        expectRefused(ended, EXIT.step)
        expect(errorOf(ended).code, ended.stderr).toBe(code)
        const points = (await hitPoints(name)).length
        expect(points, ended.stderr).toBeGreaterThan(known)
        known = points
      }
    },
  })
}

/** Stops the engine as it begins a step, does the harm, lets it go on to its failure, and takes the harm back. */
async function harmedAt(
  subject: Subject,
  step: string,
  harm: string,
  mended: string,
  expected: { exit: number; code: string },
) {
  const { name } = subject.host
  await armPoints(name, [['stop', `started:${step}`]])
  const command = subject.start()
  await hits(name, `started:${step}`)
  await nodeExec(name, ['sh', '-euc', harm])
  await letGoOn(name)
  const ended = await command.ended
  await nodeExec(name, ['sh', '-euc', mended])
  await disarmPoints(name)
  return subject.recovered(ended, expected)
}

const DISK_FULL = { exit: EXIT.step, code: 'disk-full' }
/** Leaves no block free; most of it without writing. */
const fill = (path: string) =>
  `fallocate -l $(($(df --output=avail -B1 ${path} | tail -1) - 30000000)) ${path}/full-1
   dd if=/dev/zero of=${path}/full-2 bs=1M 2> /dev/null || true`

/** A clock that is wrong from the start is refused before anything changes; one that jumps later is lived with. */
const clocks: FaultRow[] = [
  ...rows('desk-clock-hour-off', (verb) => ({
    title: 'the desk’s clock is an hour behind',
    async run(ground) {
      const subject = await ground.subject(verb)
      const shift = join(subject.desk.folder, 'clock')
      await writeFile(shift, `${-HOUR_S}`)
      const ended = await subject.run({ env: await shiftedClock(shift) })
      return subject.recovered(ended, { exit: EXIT.check, code: 'check-failed' })
    },
  })),
  ...rows('clocks-jump', (verb) => ({
    title: 'the clocks of host and desk jump by an hour, to and fro',
    async run(ground) {
      const subject = await ground.subject(verb)
      const { name } = subject.host
      const shift = join(subject.desk.folder, 'clock')
      await writeFile(shift, '0')
      await armPoints(name, [])
      const command = subject.start({ env: await shiftedClock(shift) }, ['--limit-rate', '10M'])
      const atStep = (step: string) => command.saw('step-started', ({ id }) => id === step)
      await command.saw('step-progress', ({ id, done }) => id === 'images' && done > 0)
      await shiftClock(name, HOUR_S)
      await writeFile(shift, `${HOUR_S}`)
      await atStep('backing-services')
      await shiftClock(name, -HOUR_S)
      await atStep('services')
      await shiftClock(name, HOUR_S)
      await writeFile(shift, `${-HOUR_S}`)
      const ended = await command.ended
      await disarmPoints(name)
      return subject.recovered(ended, 'done')
    },
  })),
]

const disks: FaultRow[] = [
  ...rows(
    'disk-full-at-every-write',
    everyWriteFails('the disk is full, at each write of the engine in turn', 'ENOSPC', 'disk-full'),
  ),
  ...rows(
    'read-only-at-every-write',
    everyWriteFails('the file system turns read-only, at each write of the engine in turn', 'EROFS', 'disk-read-only'),
  ),
  ...rows(
    'disk-full-in-docker',
    () => ({
      title: 'the disk of Docker’s data is full while images are unpacked',
      async run(ground) {
        const subject = await ground.bare({ diskBytes: 8_000_000_000 })
        const path = '/var/lib/docker'
        return harmedAt(subject, 'images', fill(path), `rm ${path}/full-*`, DISK_FULL)
      },
    }),
    ['install'],
  ),
  ...rows(
    'disk-full-in-packages',
    () => ({
      title: 'the disk that Docker’s plugins go to is full while dpkg unpacks',
      async run(ground) {
        const path = '/usr/libexec/docker'
        const subject = await ground.bare({ flags: [`--tmpfs=${path}:exec,size=200m`] })
        return harmedAt(subject, 'packages', fill(path), `rm ${path}/full-*`, {
          exit: EXIT.step,
          code: 'command-failed',
        })
      },
    }),
    ['install'],
  ),
  ...rows(
    'inodes',
    () => ({
      title: 'no inodes are left in the store’s file system',
      async run(ground) {
        const path = NODE_PATHS.root
        const subject = await ground.bare({ flags: [`--tmpfs=${path}:exec,mode=755,size=2g`] })
        const few = `mount -o remount,nr_inodes=$(($(df --output=iused ${path} | tail -1) + 5)) ${path}`
        return harmedAt(subject, 'store', few, `mount -o remount,nr_inodes=100000 ${path}`, DISK_FULL)
      },
    }),
    ['install'],
  ),
  ...rows(
    'read-only',
    () => ({
      title: 'the file system of mojabox’s folder is read-only',
      async run(ground) {
        const subject = await ground.subject('upgrade')
        const path = NODE_PATHS.root
        await nodeExec(subject.host.name, ['mount', '--bind', path, path])
        await nodeExec(subject.host.name, ['mount', '-o', 'remount,ro,bind', path])
        const ended = await subject.run()
        await nodeExec(subject.host.name, ['umount', path])
        return subject.recovered(ended, { exit: EXIT.check, code: 'check-failed' })
      },
    }),
    ['upgrade'],
  ),
]

const MEMORY = '/etc/systemd/system/mojabox-engine.service.d/memory.conf'

const memory = rows('memory', (verb) => ({
  title: 'the engine is given too little memory to begin',
  async run(ground) {
    const subject = await ground.subject(verb)
    const { name } = subject.host
    const limit = `mkdir -p $(dirname ${MEMORY}); printf '[Service]\\nMemoryMax=24M\\n' > ${MEMORY}; systemctl daemon-reload`
    await nodeExec(name, ['sh', '-euc', limit])
    const ended = await subject.run()
    await nodeExec(name, ['sh', '-euc', `rm -r $(dirname ${MEMORY}); systemctl daemon-reload`])
    return subject.recovered(ended, { exit: EXIT.host, code: 'node-died' })
  },
}))

/** What a host runs out of. */
export const resourceRows: readonly FaultRow[] = [...disks, ...clocks, ...memory]

import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { signaturePath } from '../../../bundles/format/signature.ts'
import { EXIT, errorOf, expectDone, expectRefused } from '../../e2e/support/expectations.ts'
import { containersOn, filesOf } from '../../e2e/support/hub.ts'
import type { Ended } from '../../e2e/support/mojabox-process.ts'
import { nodeExec } from '../../lab/nodes.ts'
import { diffSnapshots, type Snapshot, snapshotHost } from '../../lab/snapshot.ts'
import { type Forgery, forgeries } from '../forgeries.ts'
import type { Ground } from '../ground.ts'
import { armPoints, disarmPoints, hits } from '../points/points.ts'
import { type FaultRow, type FaultVerb, VERBS } from '../row.ts'
import { contentOf, copyBundle, copySignatures, flipBit, sectionsOf, type Wanted } from '../sections.ts'
import { ENGINE, type Subject } from '../subject.ts'

const CORRUPT = { exit: EXIT.bundle, code: 'blob-corrupt' }
const STORE = `${NODE_PATHS.store}/blobs/sha256`
/** Makes the first bit of each file named another. */
const FLIP_FIRST = `perl -e 'for (@ARGV) { open(F, "+<", $_) or die; sysread(F, $b, 1); sysseek(F, 0, 0); syswrite(F, chr(ord($b) ^ 1)) }'`

/** A copy of the bundle that a verb installs, for a row to damage; gone after it. */
async function withCopy<T>(ground: Ground, verb: FaultVerb, act: (path: string) => Promise<T>): Promise<T> {
  const path = join(ground.desk.folder, 'damaged.tar')
  await copyBundle(verb === 'install' ? ground.bundles.base : ground.bundles.later, path)
  try {
    return await act(path)
  } finally {
    for (const each of [path, signaturePath(path), `${path}.time`]) await rm(each, { force: true })
  }
}

/** Says afterwards what has changed on a host; nothing but reports may, where there is a hub. */
async function watched({ host }: Subject, verb: FaultVerb): Promise<() => Promise<unknown>> {
  const look = async () =>
    verb === 'install' ? snapshotHost(host.name) : [await containersOn(host.name), await filesOf(host.name)]
  const before = await look()
  return async () => {
    const now = await look()
    if (verb === 'install') return diffSnapshots(before as Snapshot, now as Snapshot)
    expect(now).toEqual(before)
    return []
  }
}

/** A bundle that the desk refuses: exit code 5, no host asked for anything. */
async function refusedAtDesk(subject: Subject, path: string, what: string, more: string[] = []): Promise<void> {
  const ended = await subject.run({}, ['--bundle', path, ...more])
  expect(ended.code, `${what}: ${ended.stderr}`).toBe(EXIT.bundle)
  expect(ended.events, what).toEqual([])
  expectRefused(ended, EXIT.bundle)
}

/** After what was refused: the host is as it was, and the good bundle goes in. */
async function stillGood(subject: Subject, changes: () => Promise<unknown>, times: number) {
  expect(await changes()).toEqual([])
  const { outcome } = await subject.recovered(await subject.run(), 'done')
  return { said: `exit ${EXIT.bundle}, ${times} times`, outcome: `nothing changed; the good one: ${outcome}` }
}

const flippedAtDesk = VERBS.map(
  (verb): FaultRow => ({
    id: `content/bit-flipped-at-desk/${verb}`,
    title: 'one bit of every section of the bundle is another',
    verb,
    async run(ground) {
      const subject = await ground.subject(verb)
      const changes = await watched(subject, verb)
      const sections = await withCopy(ground, verb, async (path) => {
        const found = await sectionsOf(path)
        for (const { name, atBytes } of found) {
          await flipBit(path, atBytes)
          await refusedAtDesk(subject, path, name)
          await flipBit(path, atBytes)
        }
        return found
      })
      expect(sections.length).toBeGreaterThan(30)
      return stillGood(subject, changes, sections.length)
    },
  }),
)

const forged: FaultRow = {
  id: 'content/forged/install',
  title: 'files of the bundle are added, removed, swapped, linked, huge, or lead out of it',
  verb: 'install',
  async run(ground) {
    const subject = await ground.bare()
    const changes = await watched(subject, 'install')
    const made: Forgery[] = await forgeries(ground.bundles.base)
    for (const { name, write } of made) {
      const path = join(ground.desk.folder, 'forged.tar')
      await write(path)
      // What the good one was signed with does not make up for it.
      await copySignatures(ground.bundles.base, path)
      await refusedAtDesk(subject, path, name)
      for (const each of [path, signaturePath(path)]) await rm(each, { force: true })
    }
    return stillGood(subject, changes, made.length)
  },
}

const wrongKey: FaultRow = {
  id: 'content/signature/install',
  title: 'the bundle is signed by another key, or a bit of its signatures is another',
  verb: 'install',
  async run(ground) {
    const { desk } = ground
    const subject = await ground.bare()
    const changes = await watched(subject, 'install')
    for (const name of ['content-known', 'content-stranger']) await desk.run(['bundle', 'keygen', name])
    const trust = ['--trust', 'content-known.pub']
    let refusals = 0
    await withCopy(ground, 'install', async (path) => {
      const refused = async (what: string) => {
        await refusedAtDesk(subject, path, what, trust)
        refusals += 1
      }
      await rm(signaturePath(path), { force: true })
      await refused('no signature')
      expectDone(await desk.run(['bundle', 'sign', path, '--key', 'content-stranger']))
      await refused('a stranger’s')
      await rm(signaturePath(path))
      expectDone(await desk.run(['bundle', 'sign', path, '--key', 'content-known']))
      const good = await readFile(signaturePath(path), 'utf8')
      const { payloadType, payload, signatures } = JSON.parse(good)
      for (const part of [payloadType, payload, signatures[0].keyid, signatures[0].sig]) {
        const at = good.indexOf(part) + Math.floor(part.length / 2)
        await writeFile(signaturePath(path), `${good.slice(0, at)}${good[at] === 'A' ? 'B' : 'A'}${good.slice(at + 1)}`)
        await refused(`another letter in ${part}`)
      }
    })
    return stillGood(subject, changes, refusals)
  },
}

/** Blobs that a node asks for, and what it is about to do with each. */
const WANTED: Record<FaultVerb, Record<string, Wanted>> = {
  install: {
    'a file of the deployment': {
      kind: 'files',
      name: /core-test-harness/,
      role: 'layer',
      title: /^deployment\.yaml$/,
    },
    'a package': { kind: 'packages', name: /debian-13/, role: 'layer', title: /^docker\.io_/ },
    'a configuration of an image': { kind: 'image', name: /central-ledger:/, role: 'config' },
    'a layer of an image': { kind: 'image', name: /central-ledger:/, role: 'layer', last: true },
  },
  upgrade: {
    'a file of the deployment': {
      kind: 'files',
      name: /core-test-harness/,
      role: 'layer',
      title: /^deployment\.yaml$/,
    },
    'a layer of an image': { kind: 'image', name: /redis:/, role: 'layer', last: true },
  },
}

const flippedAfterCheck = VERBS.map(
  (verb): FaultRow => ({
    id: `content/bit-flipped-after-check/${verb}`,
    title: 'one bit of what is sent is another, after the desk has checked the bundle',
    verb,
    async run(ground) {
      const subject = await ground.subject(verb)
      let last: Ended | undefined
      await withCopy(ground, verb, async (path) => {
        expectDone(await ground.desk.run(['check', ...subject.flags, '--bundle', path]))
        for (const [what, wanted] of Object.entries(WANTED[verb])) {
          const atBytes = await contentOf(path, wanted)
          // What it has, from an earlier row too, it does not ask for.
          await subject.on('sh', '-c', `[ ! -e ${NODE_PATHS.store} ] || find ${NODE_PATHS.store} -type f -delete`)
          const changes = await watched(subject, verb)
          await flipBit(path, atBytes)
          last = await subject.run({}, ['--bundle', path])
          await flipBit(path, atBytes)
          expect(last.code, `${what}: ${last.stderr}`).toBe(EXIT.bundle)
          expectRefused(last, EXIT.bundle)
          expect(errorOf(last).code, what).toBe(CORRUPT.code)
          // Before the plan nothing is done; later steps leave what they did.
          if (wanted.kind === 'files') expect(await changes()).toEqual([])
        }
      })
      return subject.recovered(last as Ended, CORRUPT)
    },
  }),
)

const flippedExecutable: FaultRow = {
  id: 'content/executable-flipped/install',
  title: 'one bit of the executable is another, after the desk has checked the bundle',
  verb: 'install',
  async run(ground) {
    const subject = await ground.bare()
    const changes = await watched(subject, 'install')
    return withCopy(ground, 'install', async (path) => {
      expectDone(await ground.desk.run(['check', ...subject.flags, '--bundle', path]))
      // What the check was sent waits for an hour, and would not be sent again.
      await subject.on('sh', '-c', `rm -f ${NODE_PATHS.run}/*.*`)
      await flipBit(path, await contentOf(path, { kind: 'executable', name: /./, role: 'layer' }))
      const ended = await subject.run({}, ['--bundle', path])
      expect(await changes()).toEqual([])
      return subject.recovered(ended, { exit: EXIT.bundle, code: 'executable-corrupt' })
    })
  },
}

/** A runtime may have read what was there of it: so the engine dies first, and the next one goes on from what it finds. */
const flippedInFlight = VERBS.map(
  (verb): FaultRow => ({
    id: `content/bit-flipped-in-flight/${verb}`,
    title: 'one bit of each blob that is on its way is another on the node’s disk, where the next run goes on',
    verb,
    async run(ground) {
      const subject = await ground.subject(verb)
      const { name } = subject.host
      const command = subject.start({}, ['--limit-rate', '20M'])
      await command.saw('step-progress', ({ id, done }) => id === 'images' && done > 0)
      command.signal('SIGKILL')
      await nodeExec(name, ['systemctl', 'kill', '--signal=KILL', ENGINE])
      await command.ended
      await subject.engineIs('inactive')
      const flip = `cd ${NODE_PATHS.store}/ingest && find . -type f -size +0 -print0 | xargs -0 ${FLIP_FIRST} && ls | wc -l`
      expect(Number(await subject.on('sh', '-c', flip))).toBeGreaterThan(0)
      return subject.recovered(await subject.startAgain().ended, 'done')
    },
  }),
)

/** Kept packages and documents change on the disk between a run that was killed and the next. */
const flippedInStore: FaultRow = {
  id: 'content/store-flipped/install',
  title: 'one bit of every blob in the node’s store is another, between two runs',
  verb: 'install',
  async run(ground) {
    const subject = await ground.bare()
    const { name } = subject.host
    await armPoints(name, [['stop', 'started:packages']])
    const command = subject.start()
    await hits(name, 'started:packages')
    command.signal('SIGKILL')
    await nodeExec(name, ['systemctl', 'kill', '--signal=KILL', ENGINE])
    await command.ended
    await subject.engineIs('inactive')
    await disarmPoints(name)
    await nodeExec(name, ['sh', '-euc', `cd ${STORE} && ${FLIP_FIRST} *`])
    const again = await subject.startAgain()
    const outcome = await subject.recovered(await again.ended, 'done')
    expect(await damagedIn(subject)).toEqual([])
    return outcome
  },
}

/** Blobs of the node's store that are not what their names say. */
async function damagedIn({ host }: Subject): Promise<string[]> {
  const sums = `cd ${STORE} && sha256sum * | awk '$1 != $2 {print $2}'`
  return (await nodeExec(host.name, ['sh', '-c', sums])).stdout.split('\n').filter(Boolean)
}

/** Content that is not what it was: at the desk, on the wire, and on the node's disk. */
export const contentRows: readonly FaultRow[] = [
  ...flippedAtDesk,
  forged,
  wrongKey,
  ...flippedAfterCheck,
  flippedExecutable,
  ...flippedInFlight,
  flippedInStore,
]

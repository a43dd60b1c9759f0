/**
 * A delta bundle at a site: with its base at hand it is as good as the whole; without, a host that has what it leaves out
 * takes it, and one that has not is told what is missing before anything on it changes.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { familiarName } from '../../agent/runtimes/docker.ts'
import { BUNDLE_KEY, SPEC_FOLDER } from '../../scripts/lab/artifacts.ts'
import type { LabNode } from '../lab/nodes.ts'
import { labRegistry } from '../lab/registry.ts'
import { diffSnapshots, snapshotHost } from '../lab/snapshot.ts'
import { bundle, Desk } from './support/desk.ts'
import { changedBy, EXIT, expectDone, expectRefused } from './support/expectations.ts'
import { dockerOn } from './support/hub.ts'
import { all } from './support/mojabox-process.ts'
import { nextRelease } from './support/next-release.ts'

/** Builds a delta over the lab's bundle. */
function build(desk: Desk, path: string, ...more: string[]) {
  const selection = ['--profile', 'central-ledger,payments', '--platform', 'linux/amd64']
  const from = ['--mirror', `docker.io=${labRegistry.address}`, '--distribution', 'debian-12,debian-13']
  const over = ['--base', bundle, '--key', BUNDLE_KEY]
  return desk.run(['bundle', 'build', SPEC_FOLDER, '-o', path, ...over, ...selection, ...from, ...more])
}

describe('a delta bundle', () => {
  let desk: Desk
  let host: LabNode
  let delta: string
  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('delta')
    delta = join(desk.folder, 'delta.tar')
    expectDone(await build(desk, delta))
  })
  afterAll(() => desk?.close())

  const install = (...more: string[]) => desk.run(['install', ...desk.flags(host), '--bundle', delta, ...more])

  test('is refused by a bare host, which is told what is missing and stays as it was', async () => {
    const before = await snapshotHost(host.name)
    expect(expectRefused(await install(), EXIT.bundle)).toMatch(/sha256:[\s\S]*--base/)
    expect(diffSnapshots(before, await snapshotHost(host.name))).toEqual([])
  })

  test('is as good as the whole with its base at hand', async () => {
    expectDone(await install('--base', bundle))
  })

  test('is taken without its base by a host that has what it leaves out', async () => {
    const ended = await install()
    expectDone(ended)
    expect(changedBy(ended)).toBe(0)
  })

  test('with a patch in the stead of a layer upgrades a host that has the older one, and needs no other bundle', async () => {
    const name = 'docker.io/mojaloop/central-ledger:v19.5.5'
    const next = await nextRelease(bundle, name, join(desk.folder, 'next'))
    const patched = join(desk.folder, 'patched.tar')
    expectDone(await build(desk, patched, '--patches', 'instead', '--image', `${name}=${next.folder}`))
    expect((await stat(patched)).size).toBeLessThan((await stat(delta)).size + next.layerBytes / 10)

    const bare = await desk.host('bare')
    const refused = await desk.run(['install', ...desk.flags(bare), '--bundle', patched])
    expect(expectRefused(refused, EXIT.bundle)).toMatch(/patches in the stead of layers/)

    const ended = await desk.run(['install', ...desk.flags(host), '--bundle', patched])
    expectDone(ended)
    const notes = all(ended.events, 'note').map(({ message }) => message)
    expect(notes.join('\n')).toMatch(/made of what Docker has/)
    const id = await dockerOn(host.name, 'inspect', '--format', '{{.Id}}', familiarName(name))
    expect(id).toBe(next.id)
  })
})

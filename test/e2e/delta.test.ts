/**
 * A delta bundle at a site: with its base at hand it is as good as the whole; without, a host that has what it leaves out
 * takes it, and one that has not is told what is missing before anything on it changes.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BUNDLE_KEY, SPEC_FOLDER } from '../../scripts/lab/artifacts.ts'
import type { LabNode } from '../lab/nodes.ts'
import { labRegistry } from '../lab/registry.ts'
import { diffSnapshots, snapshotHost } from '../lab/snapshot.ts'
import { bundle, Desk } from './support/desk.ts'
import { changedBy, EXIT, expectDone, expectRefused } from './support/expectations.ts'

describe('a delta bundle', () => {
  let desk: Desk
  let host: LabNode
  let delta: string
  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('delta')
    delta = join(desk.folder, 'delta.tar')
    const selection = ['--profile', 'central-ledger,payments', '--platform', 'linux/amd64']
    const from = ['--mirror', `docker.io=${labRegistry.address}`, '--distribution', 'debian-12,debian-13']
    const over = ['--base', bundle, '--key', BUNDLE_KEY]
    expectDone(await desk.run(['bundle', 'build', SPEC_FOLDER, '-o', delta, ...over, ...selection, ...from]))
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
})

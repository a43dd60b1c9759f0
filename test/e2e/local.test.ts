/**
 * The evaluator's way: mojabox and its bundle on a stick, run on the machine itself, which has no network to speak of.
 * The same result as over SSH: a validated hub, a run with nothing to do, and nothing left afterwards.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signaturePath } from '../../bundles/format/signature.ts'
import { TRUSTED_KEY } from '../../scripts/lab/artifacts.ts'
import { docker } from '../lab/docker.ts'
import { countEgress, egressPackets } from '../lab/egress.ts'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import { diffSnapshots, type Snapshot, snapshotHost } from '../lab/snapshot.ts'
import { bundle, Desk, executable } from './support/desk.ts'
import { startOwnContainer } from './support/docker-by-hand.ts'
import { containersOn, dockerOn } from './support/hub.ts'

const STICK = '/media/stick'

describe('on the machine itself', () => {
  let desk: Desk
  let host: LabNode
  let before: Snapshot
  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('local')
    await countEgress(host.ip)
    await nodeExec(host.name, ['install', '-d', '-o', 'ops', STICK])
    await docker(['cp', executable, `mojabox-lab-${host.name}:${STICK}/mojabox`])
    const carried = { 'hub.tar': bundle, 'hub.tar.sig': signaturePath(bundle), 'release.pub': TRUSTED_KEY }
    for (const [to, from] of Object.entries(carried))
      await docker(['cp', from, `mojabox-lab-${host.name}:${STICK}/${to}`])
    before = await look()
  })
  afterAll(() => desk?.close())

  // A cache of the person's own, where it is noted that the bundle was checked.
  const look = () => snapshotHost(host.name, ['/home/ops/.cache'])
  /** Runs mojabox on the host as a person with sudo, from the stick. */
  const here = (...args: string[]) => {
    const words = [
      'sh',
      '-c',
      `cd ${STICK} && exec ./mojabox "$@"`,
      'sh',
      ...args,
      '--host',
      'local',
      '--bundle',
      'hub.tar',
      '--trust',
      'release.pub',
    ]
    return nodeExec(host.name, ['env', 'HOME=/home/ops', 'USER=ops', ...words], { user: 'ops', allowFailure: true })
  }

  test('install brings up a hub and proves it, as over SSH', async () => {
    const { exitCode, stderr } = await here('install', '--report', '/tmp/report.xml')
    expect(exitCode, stderr).toBe(0)
    expect(stderr).toMatch(/validation services: (\d+) of \1 [\s\S]*validation ledger: (\d+) of \2 /)
    expect((await nodeExec(host.name, ['cat', '/tmp/report.xml'])).stdout).toMatch(/failures="0"/)
  })

  test('the same install again has nothing to do', async () => {
    const { exitCode, stderr } = await here('install')
    expect(exitCode, stderr).toBe(0)
    expect(stderr).toContain('nothing to do')
  })

  test('status needs no options', async () => {
    const { stdout } = await nodeExec(host.name, ['mojabox', 'status'], { user: 'ops' })
    expect(stdout).toMatch(/hub up[\s\S]*✓ validated at/)
  })

  test('what its owner has begun to run on the Docker from the bundle stays', async () => {
    await startOwnContainer(host.name, 'redis:8.0')
    const own = await containersOn(host.name, 'name=own-cache')
    const { exitCode, stderr } = await here('uninstall', '--delete-data')
    expect(exitCode, stderr).toBe(0)
    expect(stderr).toContain('own-cache')
    expect(await containersOn(host.name, 'name=own-cache')).toEqual(own)
    expect(await dockerOn(host.name, 'volume', 'ls', '--quiet')).toBe('own-data')
    await dockerOn(host.name, 'rm', '--force', 'own-cache')
    await dockerOn(host.name, 'volume', 'rm', 'own-data')
  })

  test('uninstall --delete-data leaves the machine as it was', async () => {
    const { exitCode, stderr } = await here('uninstall', '--delete-data')
    expect(exitCode, stderr).toBe(0)
    expect(diffSnapshots(before, await look())).toEqual([])
  })

  test('in all this no packet tried to leave', async () => {
    expect((await egressPackets(host.ip)).packets).toBe(0)
  })
})

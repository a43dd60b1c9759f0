/**
 * A site file with two hosts that are not alike: a Debian 12 (root, an older Docker from the bundle) and a Debian 13
 * whose owner runs a Docker with things of his own. One is dead at first and installed when it is back. Afterwards both
 * are as they were found; the owner's container has run all the time.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NodeStatus } from '../../agent/contract/status.ts'
import { TRUSTED_KEY } from '../../scripts/lab/artifacts.ts'
import { cutNetwork, restoreNetwork } from '../lab/network.ts'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import { diffSnapshots, type Snapshot, snapshotHost } from '../lab/snapshot.ts'
import { waitFor } from '../lab/wait.ts'
import { bundle, Desk } from './support/desk.ts'
import { installDockerByHand, runOwnContainer } from './support/docker-by-hand.ts'
import { EXIT, expectDone, expectRefused } from './support/expectations.ts'
import { containersOn, dockerOn } from './support/hub.ts'
import { all, type Ended } from './support/mojabox-process.ts'

describe('a site of two hosts', () => {
  let desk: Desk
  let old: LabNode
  let busy: LabNode
  let before: { old: Snapshot; busy: Snapshot }
  let own: unknown
  const flags = ['-f', 'site.yaml', '--accept-new-host-keys', '--json']

  beforeAll(async () => {
    desk = await Desk.open()
    ;[old, busy] = await Promise.all([desk.host('old', { suite: 'bookworm' }), desk.host('busy')])
    await installDockerByHand(busy.name, desk.folder)
    await runOwnContainer(busy.name)
    before = { old: await snapshotHost(old.name), busy: await lookAtBusy() }
    own = await ownThings(busy.name)
    await writeFile(join(desk.folder, 'site.yaml'), siteText(desk, old, busy))
  })
  afterAll(() => desk?.close())

  // The owner's containerd makes this folder the first time that anything is pulled through it, and never again; that
  // nothing of ours stays in it is looked at below.
  const lookAtBusy = () => snapshotHost(busy.name, [PULLED])

  test('install brings up the one that answers and tells of the one that does not', async () => {
    await cutNetwork(busy.name)
    const ended = await desk.run(['install', ...flags]).finally(() => restoreNetwork(busy.name))
    expect(expectRefused(ended, EXIT.partial)).toMatch(/1 of 2 hosts failed\n {2}busy: [\s\S]*done: old/)
    expect(outcomes(ended)).toEqual({ old: 'done', busy: 'failed' })
    expect(diffSnapshots(before.busy, await lookAtBusy())).toEqual([])
  })

  test('the same install again does only what is left', async () => {
    const hub = await containersOn(old.name)
    const ended = await desk.run(['install', ...flags, '--report', 'reports'])
    expectDone(ended)
    const changed = Object.fromEntries(all(ended.events, 'run-finished').map((event) => [event.host, event.changed]))
    expect(changed.old).toBe(0)
    expect(changed.busy).toBeGreaterThan(10)
    expect(await containersOn(old.name)).toEqual(hub)
    for (const host of ['old', 'busy'])
      expect(await readFile(join(desk.folder, 'reports', `${host}.xml`), 'utf8')).toContain(`${host}.core-test-harness`)
  })

  test('each host runs the hub on the Docker that it has', async () => {
    const version = (node: LabNode) => dockerOn(node.name, 'version', '--format', '{{.Server.Version}}')
    expect(await version(old)).toMatch(/^20\.10\./)
    expect(await version(busy)).toMatch(/^26\./)
    const kinds = all((await desk.run(['plan', ...flags])).events, 'plan').map(({ host, steps }) => [
      host,
      steps.map(({ kind }) => kind),
    ])
    expect(Object.fromEntries(kinds)).toMatchObject({
      old: expect.arrayContaining(['packages']),
      busy: expect.not.arrayContaining(['packages']),
    })
  })

  test('both are well, by status and by validation', async () => {
    const status = await desk.run(['status', ...flags])
    expectDone(status)
    expect(all(status.events, 'status').map((event) => NodeStatus.parse(event.status).hub)).toEqual(['up', 'up'])
    const validated = await desk.run(['validate', ...flags])
    expectDone(validated)
    expect(all(validated.events, 'report').map(({ report }) => report.passed)).toEqual([true, true])
  })

  test('the hub listens where the site says, and to the host itself only', async () => {
    for (const host of [old, busy]) {
      const listeners = (await nodeExec(host.name, ['ss', '-H', '-l', '-t', '-n'])).stdout.split('\n').filter(Boolean)
      const places = listeners.map((row) => row.trim().split(/\s+/)[3] ?? '')
      expect(places).toEqual(expect.arrayContaining(['127.0.0.1:13001', '127.0.0.1:19092']))
      // The resolver of the lab's own Docker, and sshd.
      expect(places.filter((place) => !/^127\.|^\[::1\]|:22$/.test(place))).toEqual([])
    }
  })

  test('a changed setting changes what follows from it, and no service', async () => {
    const hub = await containersOn(old.name)
    await writeFile(join(desk.folder, 'site.yaml'), `${siteText(desk, old, busy)}  validateEverySeconds: 10\n`)
    const ended = await desk.run(['install', ...flags])
    expectDone(ended)
    for (const { changed } of all(ended.events, 'run-finished')) {
      expect(changed).toBeGreaterThan(0)
      expect(changed).toBeLessThan(4)
    }
    expect(await containersOn(old.name)).toEqual(hub)
  })

  test('a hub that breaks on one of them is noticed by its agent, and told as that one’s', async () => {
    await dockerOn(old.name, 'stop', 'mojabox-redis-1')
    const failed = async () => {
      const { stdout } = await nodeExec(old.name, ['mojabox', 'status', '--json'], { allowFailure: true })
      return NodeStatus.parse(JSON.parse(stdout)).validation?.failed.some((line) => line.startsWith('redis: '))
    }
    await waitFor('the agent to notice', failed, { timeoutMs: 60_000, intervalMs: 1_000 })
    const ended = await desk.run(['validate', '--level', 'services', ...flags])
    expect(expectRefused(ended, EXIT.partial)).toMatch(/old: validation failed: .*redis/)
    expect(outcomes(ended)).toEqual({ old: 'failed', busy: 'done' })
  })

  test('the owner’s container and volume have not been touched', async () => {
    expect(await ownThings(busy.name)).toEqual(own)
  })

  test('uninstall --delete-data leaves both as they were found, the owner’s Docker running', async () => {
    const ended = await desk.run(['uninstall', '--delete-data', ...flags])
    expectDone(ended)
    expect(diffSnapshots(before.busy, await lookAtBusy())).toEqual([])
    expect(await ownThings(busy.name)).toEqual(own)
    // Docker keeps a pulled image's manifest, a kilobyte, for as long as the image has a name: here the owner's.
    expect((await nodeExec(busy.name, ['find', PULLED, '-type', 'f', '-size', '+8k'])).stdout).toBe('')
    expect(diffSnapshots(before.old, await snapshotHost(old.name))).toEqual([])
  })
})

const PULLED = '/var/lib/containerd/io.containerd.content.v1.content'

function siteText({ key }: Desk, old: LabNode, busy: LabNode): string {
  return `version: 1
site: two
deployment: core-test-harness
profile: central-ledger
bundle: ${bundle}
trust: [${TRUSTED_KEY}]
hosts:
  - { name: old, address: ${old.ip}, user: root, identityFile: ${key.privateKeyPath} }
  - { name: busy, address: ${busy.ip}, user: ops, identityFile: ${key.privateKeyPath} }
settings:
  currency: EUR
  ports: { central-ledger: 13001 }
`
}

/** Identity, start and image of the owner's container, and since when its Docker runs. */
async function ownThings(node: string): Promise<unknown> {
  const started = await nodeExec(node, ['systemctl', 'show', '--property', 'ActiveEnterTimestamp', 'docker.service'])
  return [
    [...(await containersOn(node, 'name=own-cache'))],
    await dockerOn(node, 'image', 'inspect', '--format', '{{.Id}}', 'own/cache:1'),
    await dockerOn(node, 'volume', 'inspect', '--format', '{{.CreatedAt}}', 'own-data'),
    started.stdout,
  ]
}

function outcomes({ events }: Ended): Record<string, string> {
  return Object.fromEntries(all(events, 'run-finished').map(({ host, outcome }) => [host, outcome]))
}

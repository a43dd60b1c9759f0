/**
 * A host whose Docker keeps images in containerd's content store, and whose owner has loaded one of the hub's from a
 * saved tar: its layers are unpacked there already, but not in the form that the bundle has.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import { Desk } from './support/desk.ts'
import { installDockerByHand, loadSavedImage, useContainerdStore } from './support/docker-by-hand.ts'
import { changedBy, expectDone } from './support/expectations.ts'
import { dockerOn } from './support/hub.ts'

describe('a Docker with the containerd store', () => {
  let desk: Desk
  let host: LabNode
  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('containerd')
    await installDockerByHand(host.name, desk.folder)
    await useContainerdStore(host.name)
    await loadSavedImage(host.name)
  })
  afterAll(() => desk?.close())

  const install = () => desk.run(['install', ...desk.flags(host)])

  test('gets the hub, with the image whose layers it had in another form', async () => {
    const [status] = JSON.parse(await dockerOn(host.name, 'info', '--format', '{{json .DriverStatus}}'))
    expect(status).toEqual(['driver-type', 'io.containerd.snapshotter.v1'])
    expectDone(await install())
    const listed = await dockerOn(host.name, 'image', 'ls', '--format', '{{.Repository}}:{{.Tag}}')
    expect(listed.split('\n')).toEqual(expect.arrayContaining(['redis:8.0', 'own/spare:1']))
    expect(listed).not.toMatch(/127\.0\.0\.1/)
  })

  test('has nothing to be done a second time', async () => {
    const again = await install()
    expectDone(again)
    expect(changedBy(again)).toBe(0)
  })

  test('gives back what was not its owner’s', async () => {
    expectDone(await desk.run(['uninstall', ...desk.flags(host), '--delete-data']))
    expect(await dockerOn(host.name, 'image', 'ls', '--format', '{{.Repository}}:{{.Tag}}')).toBe('own/spare:1')
    await nodeExec(host.name, ['docker', 'run', '--rm', 'own/spare:1', 'redis-server', '--version'])
  })
})

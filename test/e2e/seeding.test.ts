/**
 * Three hosts, one desk: what all of them want leaves the desk once, and they pass it on to each other.
 */
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { LabNode } from '../lab/nodes.ts'
import { countReceived, receivedFrom } from '../lab/traffic.ts'
import { Desk } from './support/desk.ts'
import { expectDone } from './support/expectations.ts'
import { all } from './support/mojabox-process.ts'

describe('three hosts', () => {
  let desk: Desk
  let hosts: LabNode[]

  beforeAll(async () => {
    desk = await Desk.open()
    hosts = await Promise.all(['one', 'two', 'three'].map((name) => desk.host(name)))
  })
  afterAll(() => desk?.close())

  test('take from the desk little more than one would', async () => {
    for (const { pid } of hosts) await countReceived(pid)
    const ended = await desk.run(['install', ...desk.flags(hosts)])
    const counted = await Promise.all(hosts.map(({ pid }) => receivedFrom(pid)))
    console.log(counted, all(ended.events, 'seeded'), all(ended.events, 'note'), ended.seconds)
    console.log(
      all(ended.events, 'step-done')
        .filter(({ id }) => /store|images|packages/.test(id))
        .map(({ host, id, seconds }) => [host, id, seconds]),
    )
    expectDone(ended)
  })
})

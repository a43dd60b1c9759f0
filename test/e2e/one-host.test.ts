/**
 * The main job, and what an operator relies on afterwards: one bare Debian 13 host with things of its owner's on it is
 * installed over SSH (a user with sudo), validated, rebooted, broken in the ways hubs break, and uninstalled, first
 * with its data kept, then without a trace. One host's life in order, as each install costs a minute.
 */
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { countEgress } from '../lab/egress.ts'
import { snapshotHost } from '../lab/snapshot.ts'
import { faults } from './one-host/faults.ts'
import { install } from './one-host/install.ts'
import type { OneHost } from './one-host/one-host.ts'
import { uninstall } from './one-host/uninstall.ts'
import { Desk } from './support/desk.ts'
import { plantOwnThings } from './support/own-things.ts'

describe('one bare host', () => {
  const life = { installed: false } as OneHost

  beforeAll(async () => {
    life.desk = await Desk.open()
    life.host = await life.desk.host('one')
    await countEgress(life.host.ip)
    await plantOwnThings(life.host.name)
    life.before = await snapshotHost(life.host.name)
    life.flags = life.desk.flags(life.host)
  })
  afterAll(() => life.desk?.close())

  describe('installing', () => install(life))

  describe('faults', () => {
    beforeEach(({ skip }) => skip(!life.installed, 'there is no hub'))
    faults(life)
  })

  describe('uninstalling', () => {
    beforeEach(({ skip }) => skip(!life.installed, 'there is no hub'))
    uninstall(life)
  })
})

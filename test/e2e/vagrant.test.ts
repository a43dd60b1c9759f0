/**
 * The repository's Vagrantfile, as a user meets it: `vagrant up` with the docker provider gives a node, what it prints
 * installs a hub there, and the hub is there again after the node was off.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TRUSTED_KEY } from '../../scripts/lab/artifacts.ts'
import { ensurePackages } from '../lab/packages.ts'
import { waitFor } from '../lab/wait.ts'
import { bundle, Desk } from './support/desk.ts'
import { expectDone } from './support/expectations.ts'
import { only } from './support/mojabox-process.ts'
import { Vagrant, wordsToGoOn } from './support/vagrant.ts'

describe('Vagrantfile', () => {
  let desk: Desk
  let vagrant: Vagrant
  let flags: string[] = []

  beforeAll(async () => {
    await ensurePackages(['vagrant'])
    desk = await Desk.open()
    vagrant = await Vagrant.open(join(desk.folder, 'vagrant'))
  })

  afterAll(async () => {
    await vagrant?.close().finally(() => desk.close())
  })

  test('is valid for VirtualBox', async () => {
    expect(await vagrant.validateForVirtualBox()).toContain('validated successfully')
  })

  test('gives a node that has no way out of its network', async () => {
    const said = await vagrant.up()
    flags = [...wordsToGoOn(said), '--bundle', bundle, '--trust', TRUSTED_KEY, '--accept-new-host-keys', '--json']
    const found = await vagrant.run('ssh', '--command', 'hostname; sudo id -un; ip route get 198.51.100.1 2>&1 || true')
    expect(found).toMatch(/^node1\s+root\s+.*unreachable\s/)
  })

  test('its node passes the checks and gets a hub, by the words that vagrant up printed', async () => {
    const checked = await desk.run(['check', ...flags])
    expectDone(checked)
    const installed = await desk.run(['install', ...flags])
    expectDone(installed)
    expect(only(installed, 'report').report.passed).toBe(true)
  })

  test('the hub is well again after halt and up', async () => {
    await vagrant.run('halt')
    await vagrant.up()
    const isWell = async () => (await desk.run(['status', ...flags])).code === 0
    await waitFor('the hub to be well', isWell, { timeoutMs: 120_000, intervalMs: 1_000 })
  })

  test('destroy takes the node away', async () => {
    await vagrant.run('destroy', '--force')
    expect(await vagrant.containers()).toEqual([])
  })
})

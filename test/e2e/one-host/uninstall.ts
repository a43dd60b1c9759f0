import { expect, test } from 'vitest'
import { egressPackets } from '../../lab/egress.ts'
import { nodeExec } from '../../lab/nodes.ts'
import { changedBy, EXIT, expectDone, expectRefused } from '../support/expectations.ts'
import { balancesOn, participantsOn } from '../support/hub.ts'
import { only } from '../support/mojabox-process.ts'
import { changesSince } from './install.ts'
import type { OneHost } from './one-host.ts'

/** Chapter three: away again, with the data kept or without a trace. */
export function uninstall(life: OneHost): void {
  let kept: unknown
  const ledger = async () => [await participantsOn(life.host.name), await balancesOn(life.host.name)]

  test('uninstall takes away all but the data and the secrets that it needs', async () => {
    kept = await ledger()
    const ended = await life.desk.run(['uninstall', ...life.flags])
    expectDone(ended)
    expect(changedBy(ended)).toBeGreaterThan(10)
    const left = await changesSince(life)
    expect(
      left.filter(
        (line) => !/^files: \+ \/var\/lib\/(docker|containerd|mojabox|mojabox\/secrets)(\/[^/]+)? /.test(line),
      ),
    ).toEqual([])
    const { stdout } = await nodeExec(life.host.name, ['sh', '-c', 'ls /var/lib/docker/volumes /var/lib/mojabox'])
    expect(stdout).toMatch(/mojabox_kafka-data[\s\S]*mojabox_mysql-data[\s\S]*secrets/)
  })

  test('install finds the same participants with the same balances again', async () => {
    const ended = await life.desk.run(['install', ...life.flags])
    expectDone(ended)
    expect(only(ended, 'report').report.passed).toBe(true)
    expect(await ledger()).toEqual(kept)
  })

  test('uninstall --delete-data leaves the host as it was found', async () => {
    const ended = await life.desk.run(['uninstall', '--delete-data', ...life.flags])
    expectDone(ended)
    expect(await changesSince(life)).toEqual([])
  })

  test('uninstall where nothing is installed has nothing to do', async () => {
    const ended = await life.desk.run(['uninstall', ...life.flags])
    expectDone(ended)
    expect(changedBy(ended)).toBe(0)
    expect(await changesSince(life)).toEqual([])
  })

  test('validate and status say that nothing is installed', async () => {
    for (const verb of ['validate', 'status']) {
      expect(expectRefused(await life.desk.run([verb, ...life.flags]), EXIT.check)).toContain('nothing is installed')
      expect(await changesSince(life)).toEqual([])
    }
  })

  test('in all this, too, no packet tried to leave the site’s network', async () => {
    expect((await egressPackets(life.host.ip)).packets).toBe(0)
  })
}

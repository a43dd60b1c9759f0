/**
 * A payment from end to end on one bare host: the profile `payments`, whose services that no registry carries are
 * stand-ins in front of the real ledger and Kafka. Then another profile on the same host, which keeps the ledger and
 * lets the rest go.
 */
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import { countEgress, egressPackets } from '../lab/egress.ts'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import { waitFor } from '../lab/wait.ts'
import { bundle, Desk } from './support/desk.ts'
import { changedBy, expectDone } from './support/expectations.ts'
import { balancesOn, containersOn } from './support/hub.ts'
import { only } from './support/mojabox-process.ts'

describe('payments', () => {
  let desk: Desk
  let host: LabNode
  let flags: string[]
  let signed: string
  let balances: string[]

  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('payments')
    await countEgress(host.ip)
    signed = join(desk.folder, 'signed.tar')
    await symlink(bundle, signed)
    await desk.run(['bundle', 'keygen', 'release'])
    expectDone(await desk.run(['bundle', 'sign', signed, '--key', 'release']))
    flags = [...desk.flags(host), '--bundle', signed, '--trust', 'release.pub', '--profile', 'payments']
  })
  afterAll(() => desk?.close())

  test('an install proves that a DFSP can pay another', async () => {
    const ended = await desk.run(['install', ...flags])
    expectDone(ended)
    const { levels, signedBy } = only(ended, 'report').report
    expect(signedBy).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/)])
    expect(levels.flatMap(({ cases }) => cases.filter(({ status }) => status !== 'pass'))).toEqual([])
    expect(levels.map(({ level }) => level)).toEqual(['services', 'ledger', 'transfer'])
    expect(levels.at(-1)?.cases.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['transfer:discovery', 'transfer:agreement', 'transfer:transfer', 'transfer:timeout']),
    )
  })

  test('the agent proves it by itself, and signs with keys that are its own alone', async () => {
    const script = `cd ${NODE_PATHS.reports} && cat "$(ls agent-*.json | head -n1)"`
    const report = await waitFor(
      'the agent’s own validation',
      async () => JSON.parse((await nodeExec(host.name, ['sh', '-euc', script])).stdout),
      { timeoutMs: 120_000, intervalMs: 1_000 },
    )
    expect(report).toMatchObject({ passed: true })
    balances = await balancesOn(host.name)
    expect(report.levels.map(({ level }: { level: string }) => level)).toContain('transfer')
    const read = ['runuser', '-u', 'ops', '--', 'sh', '-c', `cat ${NODE_PATHS.agentSecrets}/*`]
    await expect(nodeExec(host.name, read)).rejects.toThrow('Permission denied')
    const agents = ['runuser', '-u', 'mojabox', '--', 'sh', '-c', `cat ${NODE_PATHS.secrets}/mysql-password`]
    await expect(nodeExec(host.name, agents)).rejects.toThrow('Permission denied')
  })

  test('validate draws it, call by call, and leaves the money where it was', async () => {
    const ended = await desk.run(['validate', ...flags.filter((flag) => flag !== '--json'), '--level', 'transfer'])
    expectDone(ended)
    expect(ended.stderr).toMatch(/POST \/transfers: 202[\s\S]*▶[\s\S]*PUT \/transfers\/[^\n]*: COMMITTED/)
    expect(await balancesOn(host.name)).toEqual(balances)
  })

  test('the same install again changes nothing', async () => {
    const ended = await desk.run(['install', ...flags])
    expectDone(ended)
    expect(changedBy(ended)).toBe(0)
  })

  test('a smaller profile in its place keeps the ledger and its money, and lets the other services go', async () => {
    const before = await containersOn(host.name)
    const ended = await desk.run(['install', ...desk.flags(host), '--profile', 'central-ledger'])
    expectDone(ended)
    const after = await containersOn(host.name)
    expect([...before.keys()]).toContain('mojabox-ml-api-adapter-1')
    expect([...after.keys()].filter((name) => /ml-api|quoting|lookup|oracle/.test(name))).toEqual([])
    expect(await balancesOn(host.name)).toEqual(balances)
    const transfer = only(ended, 'report').report.levels.at(-1)?.cases
    expect(transfer).toMatchObject([{ status: 'skip', found: expect.stringContaining('left out') }])
  })

  test('in all this no packet tried to leave the site’s network', async () => {
    expect((await egressPackets(host.ip)).packets).toBe(0)
  })
})

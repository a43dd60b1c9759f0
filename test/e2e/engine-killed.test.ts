/**
 * The engine, which does the work on a host, is killed at every step of an install: right after the step began. Each time
 * it is started again and goes on, and in the end nothing was done twice and nothing is left behind.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import { type LabNode, nodeExec } from '../lab/nodes.ts'
import { Desk } from './support/desk.ts'
import { changedBy, expectDone } from './support/expectations.ts'
import { balancesOn } from './support/hub.ts'
import { all, only } from './support/mojabox-process.ts'

const ENGINE = 'mojabox-engine.service'

describe('an engine that is killed', () => {
  let desk: Desk
  let host: LabNode
  let flags: string[]
  beforeAll(async () => {
    desk = await Desk.open()
    host = await desk.host('killed')
    flags = desk.flags(host)
  })
  afterAll(() => desk?.close())

  const on = async (...argv: string[]) => (await nodeExec(host.name, argv, { allowFailure: true })).stdout.trim()

  test('at every step goes on each time, and brings the install to its end', async () => {
    const install = desk.start(['install', ...flags], { timeoutMs: 15 * 60_000 })
    let over = false
    const ended = install.ended.finally(() => {
      over = true
    })
    const killedAt = new Set<string>()
    while (!over) {
      const begun = all(install.events, 'step-started').map(({ id }) => id)
      const fresh = begun.filter((id) => !killedAt.has(id))
      for (const id of fresh) killedAt.add(id)
      if (fresh.length > 0) await on('systemctl', 'kill', '--signal=KILL', ENGINE)
      await delay(50)
    }
    expectDone(await ended)
    expect(only(await ended, 'report').report.passed).toBe(true)
    expect(killedAt.size).toBeGreaterThan(10)
  })

  test('leaves nothing half done and nothing done twice', async () => {
    expect(await on('dpkg', '--audit')).toBe('')
    const half = ['-name', '*.partial', '-o', '-name', '*.tmp', '-o', '-name', '*.new']
    expect(await on('find', NODE_PATHS.root, '(', ...half, ')')).toBe('')
    expect(await on('ls', `${NODE_PATHS.store}/ingest`)).toBe('')
    expect(await balancesOn(host.name)).toEqual(
      expect.arrayContaining(['mojaboxpayer SETTLEMENT USD -10000', 'mojaboxpayee SETTLEMENT USD -10000']),
    )
    const ended = await desk.run(['install', ...flags])
    expectDone(ended)
    expect(changedBy(ended)).toBe(0)
  })
})

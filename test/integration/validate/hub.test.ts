import { randomUUID } from 'node:crypto'
import { Admin } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Report } from '../../../agent/contract/report.ts'
import { type Funds, openLedgerApi } from '../../../agent/deployments/core-test-harness/ledger-api.ts'
import { outwardOf, REASON } from '../../../agent/validate/earlier-moves.ts'
import { passed } from '../../../agent/validate/validate.ts'
import { findCompose, HubStack } from './hub-stack.ts'

/** Needs the lab's images (`node test/lab/lab.ts setup`) and Compose v2, which `MOJABOX_COMPOSE` may name. */
const compose = await findCompose()

describe.skipIf(compose === undefined)('a real central-ledger', { timeout: 180_000 }, () => {
  let hub: HubStack
  beforeAll(async () => {
    hub = await HubStack.start(compose ?? [])
    expect(await hub.provision()).toHaveLength(5)
  })
  afterAll(() => hub?.remove())

  it('is provisioned once: a second run finds nothing to do', async () => {
    expect(await hub.provision()).toEqual([])
  })

  it('passes, and again', async () => {
    for (let round = 0; round < 2; round += 1) expect(failures(await hub.validate())).toEqual([])
  })

  it('names Kafka when it is stopped, within ten seconds', async () => {
    await hub.docker('stop', 'kafka')
    const startedAt = Date.now()
    const levels = await hub.validate()
    expect(Date.now() - startedAt).toBeLessThan(10_000)
    expect(subjects(levels)).toContain('kafka')
    await hub.docker('start', 'kafka')
    await recovered(hub)
  })

  it('names Kafka when it hangs', async () => {
    await hub.docker('pause', 'kafka')
    const levels = await hub.validate()
    await hub.docker('unpause', 'kafka')
    expect(levels.flatMap(({ cases }) => cases).find(({ id }) => id === 'kafka')).toMatchObject({
      status: 'fail',
      subject: 'kafka',
    })
    await recovered(hub)
  })

  it('names the handlers when they are stopped, and when they hang', async () => {
    for (const [down, up] of [
      ['stop', 'start'],
      ['pause', 'unpause'],
    ] as const) {
      await hub.docker(down, 'central-ledger-handlers')
      expect(subjects(await hub.validate())).toEqual(['central-ledger-handlers'])
      await hub.docker(up, 'central-ledger-handlers')
      await recovered(hub)
    }
  })

  it('sees by the money alone that handlers hang', async () => {
    await hub.docker('pause', 'central-ledger-handlers')
    const levels = await hub.validate({ levels: ['ledger'], times: { fundsMs: 3_000 } })
    await hub.docker('unpause', 'central-ledger-handlers')
    expect(subjects(levels)).toEqual(['central-ledger-handlers'])
    await recovered(hub)
  })

  it('finishes what was cut short before funds went out, and before they were committed, to the cent', async () => {
    const url = `http://127.0.0.1:${hub.ports['central-ledger']}`
    const ledger = openLedgerApi({ url, signal: new AbortController().signal })
    const participant = hub.definition.provisioning.participants[0]?.name ?? ''
    const read = async () => (await ledger.accounts(participant)).find(({ type }) => type === 'SETTLEMENT')
    const before = await read()
    if (!before) throw new Error('no settlement account')
    const orderOf = (transferId: string, units: bigint): Funds => ({
      participant,
      account: before.id,
      transferId,
      currency: 'USD',
      units,
      reason: REASON,
    })
    const [first, second] = [randomUUID(), randomUUID()]
    await ledger.recordFundsIn(orderOf(first, 12_300n))
    await ledger.recordFundsIn(orderOf(second, 23_400n))
    await ledger.reserveFundsOut(orderOf(outwardOf(second), 23_400n))
    expect(failures(await hub.validate({ levels: ['ledger'] }))).toEqual([])
    expect((await read())?.units).toBe(before.units)
    // It was only late: the ledger knows it already.
    await ledger.reserveFundsOut(orderOf(outwardOf(first), 12_300n))
    expect(failures(await hub.validate({ levels: ['ledger'] }))).toEqual([])
    expect((await read())?.units).toBe(before.units)
  })

  it('names a topic that was deleted; provisioning brings it back', async () => {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [`127.0.0.1:${hub.ports.kafka}`] })
    await admin.deleteTopics({ topics: ['topic-notification-event'] })
    await admin.close()
    expect(subjects(await hub.validate())).toEqual(['topic-notification-event'])
    expect(await hub.provision()).toHaveLength(1)
    await recovered(hub)
  })

  it('comes back by itself when everything is killed at once, as by a power cut', async () => {
    const lasting = hub.profile.services.filter((service) => !hub.profile.jobs.includes(service))
    await Promise.all(lasting.map((service) => hub.docker('kill', service)))
    await Promise.all(lasting.map((service) => hub.docker('start', service)))
    await recovered(hub)
  })
})

function failures(levels: Report['levels']) {
  return levels.flatMap(({ cases }) => cases.filter(({ status }) => status === 'fail'))
}

function subjects(levels: Report['levels']): string[] {
  return [...new Set(failures(levels).map(({ subject }) => subject))]
}

async function recovered(hub: HubStack): Promise<void> {
  const until = Date.now() + 90_000
  for (;;) {
    const levels = await hub.validate()
    if (passed(levels)) return
    if (Date.now() > until) expect(failures(levels)).toEqual([])
  }
}

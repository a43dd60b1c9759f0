import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Definition } from '../../../agent/deployments/core-test-harness/definition.ts'
import { findCompose, HubStack } from './hub-stack.ts'

/** Needs the lab's images (`node test/lab/lab.ts setup`) and Compose v2, which `MOJABOX_COMPOSE` may name. */
const compose = await findCompose()

/** Of the profile `perf` what the lab has images of: the ledger, its handlers apart, two containers of the busy ones. */
describe.skipIf(compose === undefined)('a real central-ledger with its handlers apart', { timeout: 240_000 }, () => {
  let hub: HubStack
  beforeAll(async () => {
    const own = ({ perf, 'central-ledger': ledger }: Definition['profiles']) => {
      if (!perf || !ledger) throw new Error('no such profiles')
      const replicas = Object.entries(perf.replicas).filter(([name]) => name.startsWith('central-handler-'))
      return { ...ledger, instead: perf.instead, replicas: Object.fromEntries(replicas) }
    }
    hub = await HubStack.start(compose ?? [], 'apart', { own })
    await hub.provision()
  })
  afterAll(() => hub?.remove())

  it('shares the work: every container runs, and each topic has a reader on every partition', async () => {
    const levels = await hub.validate({ levels: ['services', 'ledger'] })
    const cases = levels.flatMap((level) => level.cases)
    expect(cases.filter(({ status }) => status !== 'pass').map(({ id, found }) => ({ id, found }))).toEqual([])
    const groups = cases.filter(({ id }) => id.startsWith('consumer-group:'))
    expect(groups.find(({ id }) => id === 'consumer-group:cl-group-transfer-prepare')?.found).toContain('2 members')
    expect(groups.find(({ id }) => id === 'consumer-group:cl-group-transfer-admin')?.found).toContain('1 member')
  })
})

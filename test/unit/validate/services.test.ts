import { describe, expect, it } from 'vitest'
import { consumerGroups } from '../../../agent/validate/cases/consumer-groups.ts'
import { health } from '../../../agent/validate/cases/health.ts'
import { migrations } from '../../../agent/validate/cases/migrations.ts'
import { seeds } from '../../../agent/validate/cases/seeds.ts'
import { topics } from '../../../agent/validate/cases/topics.ts'
import type { CaseGroup } from '../../../agent/validate/context.ts'
import { FakeHub } from './fake-hub.ts'

async function failuresOf(group: CaseGroup, hub: FakeHub) {
  const cases = await group.run(hub.context())
  return cases.filter(({ status }) => status === 'fail').map(({ subject, found }) => ({ subject, found }))
}

it.each([health, topics, consumerGroups, migrations, seeds])('$name passes on a hub that is well', async (group) => {
  const cases = await group.run(new FakeHub().context())
  expect(cases.length).toBeGreaterThan(0)
  for (const found of cases) expect(found).toMatchObject({ status: 'pass', subject: '' })
})

describe('a service of several containers', () => {
  const replicas = { handlers: 2 }
  const second = (hub: FakeHub, state = 'running') => ({
    ...hub.container('handlers'),
    id: 'second',
    address: '10.0.0.99',
    state,
  })

  it('runs when all of them run', async () => {
    const hub = new FakeHub()
    const profile = { ...hub.context().profile, replicas }
    const runs = async () => {
      const cases = await health.run({ ...hub.context(), profile })
      return cases.find(({ id }) => id === 'container:handlers')
    }
    expect(await runs()).toMatchObject({ status: 'fail', found: '1 of 2 containers: running' })
    hub.containers.push(second(hub, 'restarting'))
    expect(await runs()).toMatchObject({ status: 'fail', found: 'running, restarting' })
    hub.containers.pop()
    hub.containers.push(second(hub))
    expect(await runs()).toMatchObject({ status: 'pass' })
  })

  it('shares the partitions of a topic', async () => {
    const hub = new FakeHub()
    hub.kafka.partitionsOf.set('topic-admin', 2)
    const [mine, other] = [hub.container('handlers').address ?? '', '10.0.0.99']
    const members = [mine, other].map((host, partition) => ({
      host,
      partitions: [{ topic: 'topic-admin', partition }],
    }))
    hub.kafka.groups.set('group-admin', { state: 'Stable', members })
    const only = async () => (await consumerGroups.run(hub.context()))[0]
    expect(await only()).toMatchObject({ status: 'fail', found: expect.stringContaining('partition 1') })
    hub.containers.push(second(hub))
    expect(await only()).toMatchObject({ status: 'pass', found: expect.stringContaining('2 members') })
  })
})

it('health names a service that does not run', async () => {
  const hub = new FakeHub()
  Object.assign(hub.container('kafka'), { state: 'exited', exitCode: 143, address: undefined })
  hub.containers = hub.containers.filter(({ service }) => service !== 'ledger')
  expect(await failuresOf(health, hub)).toEqual([
    { subject: 'kafka', found: 'exited with 143' },
    { subject: 'ledger', found: 'it has no container' },
  ])
})

it('health names a job that ended badly, and bears one that was tidied away', async () => {
  const hub = new FakeHub()
  hub.container('migrator').exitCode = 1
  expect(await failuresOf(health, hub)).toEqual([{ subject: 'migrator', found: 'exited with 1' }])
  hub.containers = hub.containers.filter(({ service }) => service !== 'migrator')
  expect(await failuresOf(health, hub)).toEqual([])
})

it('health gives the words of a service that says it is down, or nothing at all', async () => {
  const hub = new FakeHub()
  hub.health.set('http://10.0.0.4:3001/health', {
    status: 502,
    body: '{"status":"DOWN","services":[{"name":"broker","status":"DOWN"}]}',
  })
  hub.health.set('http://10.0.0.5:3001/health', new Error('no answer in 5 s'))
  expect(await failuresOf(health, hub)).toEqual([
    { subject: 'ledger', found: 'status 502: DOWN, broker DOWN' },
    { subject: 'handlers', found: expect.stringContaining('no answer in 5 s') },
  ])
})

it('topics name the topic that is gone or too small', async () => {
  const hub = new FakeHub()
  hub.kafka.partitionsOf.delete('topic-admin')
  hub.kafka.partitionsOf.set('topic-events', 1)
  expect(await failuresOf(topics, hub)).toEqual([
    { subject: 'topic-admin', found: 'no such topic' },
    { subject: 'topic-events', found: '1' },
  ])
})

it('a dead Kafka is one failure that names it; what hangs on it is skipped', async () => {
  const hub = new FakeHub()
  hub.kafka.reachable = false
  expect(await failuresOf(topics, hub)).toEqual([
    { subject: 'kafka', found: expect.stringContaining('does not answer') },
  ])
  const groups = await consumerGroups.run(hub.context())
  expect(groups).toMatchObject([{ status: 'skip', found: 'kafka does not answer' }])
})

it.each([
  ['has no members', { state: 'Empty', members: [] }, 'group-admin is Empty and has no members'],
  [
    'is being assigned',
    { state: 'PreparingRebalance', members: [{ host: '10.0.0.5', partitions: [] }] },
    'group-admin is PreparingRebalance, not yet assigned',
  ],
  [
    'has only a member that died',
    { state: 'Stable', members: [{ host: '10.0.0.99', partitions: [{ topic: 'topic-admin', partition: 0 }] }] },
    'group-admin has only members at 10.0.0.99, not at 10.0.0.5',
  ],
  [
    'has a member without its partition',
    { state: 'Stable', members: [{ host: '10.0.0.5', partitions: [{ topic: 'topic-x', partition: 0 }] }] },
    'nobody at handlers reads partition 0 of topic-admin',
  ],
])('consumer-groups name the service whose group %s, although it says it is well', async (_, group, found) => {
  const hub = new FakeHub()
  hub.kafka.groups.set('group-admin', group)
  expect(await failuresOf(health, hub)).toEqual([])
  expect(await failuresOf(consumerGroups, hub)).toEqual([{ subject: 'handlers', found }])
})

it('consumer-groups fail when messages stay unread, and bear a group that is catching up', async () => {
  const hub = new FakeHub()
  hub.kafka.unread.set('group-admin topic-admin', [4n])
  expect(await failuresOf(consumerGroups, hub)).toEqual([{ subject: 'handlers', found: '4 unread and not dropping' }])
  hub.kafka.unread.set('group-admin topic-admin', [9n, 4n])
  expect(await failuresOf(consumerGroups, hub)).toEqual([])
})

it('consumer-groups wait for a group that settles within its time', async () => {
  const hub = new FakeHub()
  const settled = hub.kafka.groups.get('group-admin')
  hub.kafka.groups.set('group-admin', { state: 'PreparingRebalance', members: settled?.members ?? [] })
  setTimeout(() => settled && hub.kafka.groups.set('group-admin', settled), 25)
  expect(await failuresOf(consumerGroups, hub)).toEqual([])
})

it('consumer-groups do not wait for a service that does not run', async () => {
  const hub = new FakeHub()
  hub.container('handlers').state = 'paused'
  const [found] = await consumerGroups.run(hub.context())
  expect(found).toMatchObject({ status: 'fail', subject: 'handlers', found: 'handlers is paused' })
  expect(found?.seconds).toBeLessThan(0.05)
})

it('migrations fail when some are missing or one is stuck', async () => {
  const hub = new FakeHub()
  hub.tables.set('migration', 2)
  hub.migrationLocked = true
  expect(await failuresOf(migrations, hub)).toEqual([
    { subject: 'mysql', found: '2' },
    { subject: 'mysql', found: 'locked' },
  ])
})

it('seeds name the table that is short or not there', async () => {
  const hub = new FakeHub()
  hub.tables.set('currency', 1)
  expect(await failuresOf(seeds, hub)).toEqual([{ subject: 'mysql', found: '1 rows' }])
  hub.tables.delete('currency')
  expect(await failuresOf(seeds, hub)).toEqual([{ subject: 'mysql', found: 'no such table' }])
})

it('a dead database fails once, with the migrations', async () => {
  const hub = new FakeHub()
  hub.container('mysql').state = 'exited'
  expect((await failuresOf(migrations, hub))[0]).toEqual({
    subject: 'mysql',
    found: 'asking the database: mysql is exited',
  })
  expect(await failuresOf(seeds, hub)).toEqual([])
})

it('asks the database without its password in any argv', async () => {
  const hub = new FakeHub()
  await migrations.run(hub.context())
  const words = hub.commands.flatMap(({ argv }) => argv)
  expect(words).toContain('/run/secrets/password')
  expect(words.some((word) => word.startsWith('-p') || word.startsWith('--password'))).toBe(false)
})

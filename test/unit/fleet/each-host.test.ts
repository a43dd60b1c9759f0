import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { MojaboxError } from '../../../bundles/format/error.ts'
import { eachHost, outcomeError } from '../../../installer/fleet/each-host.ts'

const hosts = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name }))
const dead = (name: string) =>
  new MojaboxError({ code: 'host-timeout', kind: 'host', message: `${name} is dead`, next: 'switch it on' })

test('never has more hosts at work than allowed', async () => {
  let now = 0
  let most = 0
  await eachHost(hosts, 2, async () => {
    most = Math.max(most, ++now)
    await pause(5)
    now -= 1
  })
  expect(most).toBe(2)
})

test('lets the next begin where one only waits for the others', async () => {
  const begun: string[] = []
  const all = Promise.withResolvers<void>()
  const outcomes = await eachHost(hosts, 1, async ({ name }, leaveTurn) => {
    begun.push(name)
    if (begun.length === hosts.length) all.resolve()
    leaveTurn()
    await all.promise
    return name
  })
  expect(outcomes).toEqual(hosts.map(({ name }) => ({ host: name, ok: name })))
})

test('keeps the order given, each host with its own outcome', async () => {
  const outcomes = await eachHost(hosts, 8, async ({ name }) => {
    await pause(name === 'a' ? 20 : 1)
    if (name === 'b') throw dead(name)
    return name.toUpperCase()
  })
  expect(outcomes.map((one) => ('ok' in one ? one.ok : 'failed'))).toEqual(['A', 'failed', 'C', 'D', 'E'])
})

test('begins no further host after an abort', async () => {
  const abort = new AbortController()
  const begun: string[] = []
  const outcomes = await eachHost(
    hosts,
    1,
    async ({ name }) => {
      begun.push(name)
      if (name === 'b') abort.abort(new MojaboxError({ code: 'interrupted', kind: 'interrupted', message: 'stop' }))
    },
    abort.signal,
  )
  expect(begun).toEqual(['a', 'b'])
  expect(outcomeError(outcomes)).toMatchObject({ facts: { kind: 'interrupted' } })
})

test('a work that throws before its first await is an outcome too', async () => {
  const outcomes = await eachHost(hosts.slice(0, 1), 1, () => {
    throw dead('a')
  })
  expect(outcomes[0]).toMatchObject({ host: 'a', error: { facts: { code: 'host-timeout' } } })
})

test('no failure is no error', () => {
  expect(outcomeError([{ host: 'a', ok: 1 }])).toBeUndefined()
  expect(outcomeError([])).toBeUndefined()
})

test('a single host fails with its very error', () => {
  const error = dead('a')
  expect(outcomeError([{ host: 'a', error }])).toBe(error)
})

test('some failed is partial and names what is done and what is left', () => {
  const error = outcomeError([
    { host: 'a', ok: 1 },
    { host: 'b', error: dead('b') },
    { host: 'c', ok: 1 },
  ])
  expect(error).toMatchObject({
    facts: { code: 'hosts-partial', kind: 'partial', found: 'done: a, c', needed: 'every host done; left: b' },
  })
  expect((error as Error).message).toContain('b: b is dead')
})

test('all failed keeps the first one’s kind, code and next step', () => {
  const bug = new TypeError('oops')
  const error = outcomeError([
    { host: 'a', error: dead('a') },
    { host: 'b', error: bug },
  ])
  expect(error).toMatchObject({ facts: { code: 'host-timeout', kind: 'host', next: 'switch it on' } })
  expect((error as Error).message).toContain('b: unexpected: oops')
})

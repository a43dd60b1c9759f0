import { describe, expect, it } from 'vitest'
import { HubLook } from '../../../agent/page/look.ts'

const container = (service: string, State: string, Status: string, more: object = {}) => ({
  Id: 'a'.repeat(64),
  Names: [`/mojabox-${service}-1`],
  Labels: { 'com.docker.compose.service': service },
  State,
  Status,
  Image: `${service}:1`,
  ...more,
})
const seen = (...body: unknown[]) => new HubLook(async () => ({ body })).look()

describe('HubLook', () => {
  it('asks Docker once, for the hub’s containers only', async () => {
    const asked: string[] = []
    await new HubLook(async (path) => {
      asked.push(path)
      return { body: [] }
    }).look()
    expect(asked).toHaveLength(1)
    expect(decodeURIComponent(asked[0] ?? '')).toContain('label":["com.docker.compose.project=mojabox"]')
  })

  it('sees what `mojabox status` sees: jobs that ended well are completed', async () => {
    const look = await seen(
      container('mysql', 'running', 'Up 2 hours (healthy)'),
      container('migrator', 'exited', 'Exited (0) 2 hours ago'),
      container('ledger', 'running', 'Up 2 hours (healthy)'),
    )
    expect(look.hub).toBe('up')
    expect(look.services.map(({ service, state, health, words }) => [service, state, health, words])).toEqual([
      ['ledger', 'running', 'healthy', 'Up 2 hours (healthy)'],
      ['migrator', 'completed', '', 'Exited (0) 2 hours ago'],
      ['mysql', 'running', 'healthy', 'Up 2 hours (healthy)'],
    ])
  })

  it.each([
    ['degraded', 'running', 'Up 2 hours (unhealthy)'],
    ['degraded', 'exited', 'Exited (137) now'],
    ['degraded', 'restarting', 'Restarting (1) 2 seconds ago'],
    ['starting', 'running', 'Up 2 seconds (health: starting)'],
  ])('is %s when one is %s: %s', async (hub, state, words) => {
    expect((await seen(container('mysql', 'running', 'Up'), container('ledger', state, words))).hub).toBe(hub)
  })

  it('is down where Docker does not answer, or answers something else', async () => {
    expect(await new HubLook(() => Promise.reject(new Error('ENOENT'))).look()).toMatchObject({
      hub: 'down',
      services: [],
    })
    expect(await new HubLook(async () => ({ body: { message: 'no' } })).look()).toMatchObject({
      hub: 'down',
      services: [],
    })
  })

  it('takes nothing for granted in what a container is', async () => {
    const look = await seen(null, {}, container('x', 'running', 'Up', { Id: '../../etc', Labels: null, Names: null }))
    expect(look.services).toHaveLength(3)
    expect(look.services.every(({ id }) => id === '')).toBe(true)
  })

  it('tells a service that was stopped from a job that is done, and asks about each only once', async () => {
    const stopped = container('redis', 'exited', 'Exited (0) 2 seconds ago', { Id: 'b'.repeat(64) })
    const job = container('migrator', 'exited', 'Exited (0) 2 hours ago', { Id: 'c'.repeat(64) })
    const asked: string[] = []
    const hub = new HubLook(async (path) => {
      asked.push(path)
      if (path.includes('b'.repeat(64))) return { body: { HostConfig: { RestartPolicy: { Name: 'unless-stopped' } } } }
      if (path.includes('c'.repeat(64))) return { body: { HostConfig: { RestartPolicy: { Name: 'no' } } } }
      return { body: [stopped, job, container('mysql', 'running', 'Up')] }
    })
    for (let times = 0; times < 3; times += 1) {
      const { services, hub: state } = await hub.look()
      expect(state).toBe('degraded')
      expect(services.map(({ service, state: one }) => [service, one])).toEqual([
        ['migrator', 'completed'],
        ['mysql', 'running'],
        ['redis', 'exited'],
      ])
    }
    expect(asked.filter((path) => path.endsWith('/json'))).toHaveLength(2)
  })
})

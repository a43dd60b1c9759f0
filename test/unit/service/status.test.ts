import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { NodeState } from '../../../agent/contract/node-state.ts'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import {
  askAgent,
  lastValidation,
  observeStatus,
  readNodeState,
  requireNodeState,
} from '../../../agent/service/status.ts'
import { FakeDocker } from '../engine/fake-docker.ts'
import { FakeCommands } from '../engine/step-context.ts'
import { orderOf } from './orders.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

const { site, host, deployment, profile, bundle = `sha256:${'0'.repeat(64)}`, settings } = orderOf()
const STATE: NodeState = {
  version: 1,
  site,
  host,
  deployment,
  profile,
  bundle,
  bundleVersion: '1.0.0',
  mojabox: '0.1.0',
  settings,
}

beforeEach(async () => {
  await rm(NODE_PATHS.root, { recursive: true, force: true })
  await mkdir(NODE_PATHS.root, { recursive: true })
})

async function hubOf(set: (docker: FakeDocker) => void): Promise<string> {
  const docker = new FakeDocker()
  docker.healthy('mysql', 'ledger')
  docker.add('migrator', 'exited', 'Exited (0) 2 minutes ago')
  set(docker)
  return (await observeStatus(docker.commands.run, STATE)).hub
}

describe('observeStatus', () => {
  it('is up when every service is, a job that ended well besides', async () => {
    const docker = new FakeDocker()
    docker.healthy('mysql', 'ledger')
    docker.add('migrator', 'exited', 'Exited (0) 2 minutes ago')
    docker.add('redis', 'running', 'Up 2 minutes')
    const status = await observeStatus(docker.commands.run, STATE)
    expect(status.hub).toBe('up')
    expect(status.services.map(({ service, state }) => [service, state])).toEqual([
      ['ledger', 'running'],
      ['migrator', 'completed'],
      ['mysql', 'running'],
      ['redis', 'running'],
    ])
    expect(status).toMatchObject({ site: 'kigali', host: 'n1', agent: null, validation: null })
  })

  it.each<[string, string, (docker: FakeDocker) => void]>([
    ['degraded', 'a service is not healthy', (docker) => docker.add('ledger', 'running', 'Up (unhealthy)')],
    ['degraded', 'a service ended badly', (docker) => docker.add('ledger', 'exited', 'Exited (1) now')],
    ['degraded', 'a job ended badly', (docker) => docker.add('migrator', 'exited', 'Exited (1) now')],
    ['degraded', 'a service restarts again and again', (docker) => docker.add('ledger', 'restarting', 'Restarting')],
    ['starting', 'a service is still starting', (docker) => docker.add('ledger', 'running', 'Up (health: starting)')],
    ['down', 'nothing runs', (docker) => void docker.containers.splice(0)],
    ['down', 'only a finished job is left', (docker) => void docker.containers.splice(0, 2)],
  ])('is %s when %s', async (hub, _what, set) => {
    expect(await hubOf(set)).toBe(hub)
  })

  it('does not take a service that somebody stopped for a job that is done', async () => {
    const docker = new FakeDocker()
    docker.healthy('mysql', 'ledger')
    docker.add('migrator', 'exited', 'Exited (0) 2 minutes ago')
    docker.add('redis', 'exited', 'Exited (0) 2 seconds ago')
    docker.policies = { redis: 'unless-stopped', migrator: 'no' }
    const { hub, services } = await observeStatus(docker.commands.run, STATE)
    expect(hub).toBe('degraded')
    expect(services.find(({ service }) => service === 'redis')?.state).toBe('exited')
    expect(services.find(({ service }) => service === 'migrator')?.state).toBe('completed')
  })

  it('is down, not broken, where Docker does not answer', async () => {
    const status = await observeStatus(new FakeCommands(() => ({ code: 1 })).run, STATE)
    expect(status).toMatchObject({ hub: 'down', services: [] })
  })

  it('tells when the host booted', async () => {
    const { bootedAt } = await observeStatus(new FakeCommands().run, STATE)
    const age = Date.now() - Date.parse(bootedAt)
    expect(age).toBeGreaterThan(0)
    expect(age).toBeLessThan(10 * 365 * 86_400_000)
  })

  it('tells the last validation, and nothing where it cannot be read', async () => {
    await mkdir(NODE_PATHS.reports, { recursive: true })
    const summary = { at: '2027-01-01T00:00:00Z', seconds: 1, passed: false, failed: ['ledger: it'], report: '/x.json' }
    await writeFile(join(NODE_PATHS.reports, 'last.json'), JSON.stringify(summary))
    expect(await lastValidation()).toEqual(summary)
    await writeFile(join(NODE_PATHS.reports, 'last.json'), '{"at":')
    expect(await lastValidation()).toBeNull()
  })
})

describe('readNodeState', () => {
  it('is what the install wrote', async () => {
    await writeFile(NODE_PATHS.node, JSON.stringify(STATE))
    expect(await readNodeState()).toEqual(STATE)
    expect(await requireNodeState()).toEqual(STATE)
  })

  it('is nothing where nothing is installed', async () => {
    expect(await readNodeState()).toBeUndefined()
    await expect(requireNodeState()).rejects.toMatchObject({
      facts: { code: 'not-installed', next: 'mojabox install' },
    })
  })
})

describe('askAgent', () => {
  async function agentThat(answers: RequestListener): Promise<void> {
    await mkdir(dirname(NODE_PATHS.agentSocket), { recursive: true })
    const server = createServer(answers)
    await new Promise<void>((resolve) => server.listen(NODE_PATHS.agentSocket, resolve))
    onTestFinished(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
  }

  it('gives what the agent answers', async () => {
    const status = await observeStatus(new FakeCommands().run, STATE)
    await agentThat((_request, response) => response.end(JSON.stringify(status)))
    expect(await askAgent()).toEqual(status)
  })

  it.each<[string, RequestListener]>([
    ['it fails', (_request, response) => response.writeHead(500).end('no')],
    ['it hangs up', (_request, response) => response.destroy()],
    [
      'it hangs up in the middle',
      (_request, response) => response.writeHead(200, { 'Content-Length': 100 }).write('{', () => response.destroy()),
    ],
    ['it does not answer in time', () => {}],
    ['it is of another version', (_request, response) => response.end('{"version":9}')],
  ])('gives nothing when %s', async (_what, answers) => {
    await agentThat(answers)
    expect(await askAgent(100)).toBeUndefined()
  })

  it('gives nothing where no agent is', async () => {
    expect(await askAgent()).toBeUndefined()
  })
})

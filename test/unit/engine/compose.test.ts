import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import type { RunCommand } from '../../../agent/contract/step.ts'
import { type ComposeParams, compose } from '../../../agent/engine/steps/compose.ts'
import { listContainers, wantedHashes } from '../../../agent/runtimes/compose.ts'
import { MojaboxError } from '../../../bundles/format/error.ts'
import { orderOf } from '../service/orders.ts'
import { FakeDocker } from './fake-docker.ts'
import { contextOf, FakeCommands } from './step-context.ts'
import { temporaryFolder } from './temporary-folder.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('./node-paths.ts')).pathsBelow())

const PARAMS: ComposeParams = {
  title: 'services mysql, ledger',
  folder: '/var/lib/mojabox/deployments/core-test-harness',
  services: ['mysql', 'ledger'],
  jobs: ['migrator'],
  waitSeconds: 2,
}

function hub(): FakeDocker {
  const docker = new FakeDocker()
  docker.healthy('mysql', 'ledger')
  docker.add('migrator', 'exited', 'Exited (0) 2 minutes ago')
  return docker
}

const at = (docker: FakeDocker) => contextOf({ run: docker.commands.run })

async function failureOf(work: Promise<unknown>): Promise<MojaboxError> {
  const error = await work.then(
    () => undefined,
    (thrown) => thrown,
  )
  expect(error).toBeInstanceOf(MojaboxError)
  return error as MojaboxError
}

describe('a service of several containers', () => {
  it('is well when all of them are', async () => {
    const docker = hub()
    docker.add('ledger', 'running', 'Up 2 seconds (health: starting)')
    await expect(compose.isDone(at(docker), PARAMS)).resolves.toBe(false)
    const both = hub()
    both.add('ledger', 'running', 'Up 2 seconds (healthy)')
    await expect(compose.isDone(at(both), PARAMS)).resolves.toBe(true)
  })
})

describe('listContainers', () => {
  it('reads state, health and exit code as `docker ps` tells them', async () => {
    const docker = hub()
    docker.add('kafka', 'running', 'Up 2 seconds (health: starting)')
    docker.add('redis', 'running', 'Up 3 days')
    docker.add('worker', 'exited', 'Exited (137) 4 seconds ago')
    docker.add('sick', 'running', 'Up 1 minute (unhealthy)')
    const rows = await listContainers(docker.commands.run)
    const seen = Object.fromEntries(
      rows.map(({ service, state, health, exitCode }) => [service, [state, health, exitCode]]),
    )
    expect(seen).toEqual({
      mysql: ['running', 'healthy', 0],
      ledger: ['running', 'healthy', 0],
      migrator: ['exited', '', 0],
      kafka: ['running', 'starting', 0],
      redis: ['running', '', 0],
      worker: ['exited', '', 137],
      sick: ['running', 'unhealthy', 0],
    })
  })

  it('is empty where nothing runs', async () => {
    expect(await listContainers(new FakeCommands().run)).toEqual([])
  })
})

describe('wantedHashes', () => {
  it('asks Compose once for as long as the file is the same', async () => {
    const folder = await temporaryFolder()
    const docker = hub()
    const asked = () => docker.commands.lines.filter((line) => line.includes('--hash')).length
    const look = () => wantedHashes(docker.commands.run, folder)
    await writeFile(join(folder, 'compose.yaml'), 'services: {}')
    expect(await look()).toEqual(await look())
    expect(asked()).toBe(1)
    docker.wanted.ledger = 'another'
    await writeFile(join(folder, 'compose.yaml'), 'services: { }')
    expect((await look()).get('ledger')).toBe('another')
    await rm(join(folder, 'compose.yaml'))
    for (const count of [3, 4]) {
      await look()
      expect(asked()).toBe(count)
    }
  })

  it('asks again after an answer that failed', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'compose.yaml'), 'services: {}')
    const failing = new FakeCommands(() => ({ code: 1, stderr: 'no' }))
    await expect(wantedHashes(failing.run, folder)).rejects.toThrow()
    expect((await wantedHashes(hub().commands.run, folder)).size).toBeGreaterThan(0)
  })
})

describe('compose', () => {
  it('is done when services are healthy, jobs have ended well, and all were made from this file', async () => {
    expect(await compose.isDone(at(hub()), PARAMS)).toBe(true)
  })

  it('gives up on a service that ends as often as it is started, while Compose would wait, and says why', async () => {
    const docker = hub()
    docker.add('ledger', 'restarting', 'Restarting (1) 1 second ago')
    docker.logs = 'Error: connect ECONNREFUSED 172.18.0.3:3306'
    let restarts = 4
    docker.restarts = () => ({ ledger: restarts++ })
    docker.up = () => new Promise(() => {})
    const error = await failureOf(compose.apply(at(docker), { ...PARAMS, waitSeconds: 60 }))
    expect(error.facts).toMatchObject({
      code: 'service-crash-loop',
      message: 'ledger ends as often as it is started; likely, nobody answers at 172.18.0.3:3306',
      found: expect.stringMatching(/started again 3 times, exit code 1.*\n.*ECONNREFUSED/s),
      next: expect.stringContaining('mojabox logs ledger'),
    })
  }, 20_000)

  it('takes away what an earlier profile had, where it is to be alone', async () => {
    const docker = hub()
    docker.healthy('kafka')
    delete docker.wanted.kafka
    expect(await compose.isDone(at(docker), PARAMS)).toBe(true)
    const alone = { ...PARAMS, alone: true }
    expect(await compose.isDone(at(docker), alone)).toBe(false)
    docker.up = () => {
      docker.containers = docker.containers.filter(({ service }) => service !== 'kafka')
      return undefined
    }
    await compose.apply(at(docker), alone)
    expect(docker.commands.lines.some((line) => / up .*--remove-orphans mysql ledger$/.test(line))).toBe(true)
    expect(await compose.isDone(at(docker), alone)).toBe(true)
  })

  it.each<[string, (docker: FakeDocker) => void]>([
    ['a service is missing', (docker) => void docker.containers.shift()],
    ['a service is not healthy yet', (docker) => docker.add('ledger', 'running', 'Up (health: starting)')],
    ['a service stopped', (docker) => docker.add('ledger', 'exited', 'Exited (0) 1 second ago')],
    [
      'a service restarts again and again',
      (docker) => docker.add('ledger', 'restarting', 'Restarting (1) 1 second ago'),
    ],
    ['a job failed', (docker) => docker.add('migrator', 'exited', 'Exited (1) 1 second ago')],
    ['a job is still at work', (docker) => docker.add('migrator', 'running', 'Up 1 second')],
    ['the file says something else by now', (docker) => void Object.assign(docker.wanted, { ledger: 'another' })],
  ])('is not done when %s', async (_what, spoil) => {
    const docker = hub()
    spoil(docker)
    expect(await compose.isDone(at(docker), PARAMS)).toBe(false)
  })

  it('starts the services without fetching or building anything', async () => {
    const docker = hub()
    await compose.apply(at(docker), PARAMS)
    const up = docker.commands.lines.find((line) => line.includes(' up '))
    expect(up).toMatch(
      /^docker compose --project-name mojabox --project-directory .* up --detach --no-build --pull never/,
    )
    expect(up).toMatch(/ mysql ledger$/)
  })

  it('waits until all are healthy, and says which are not', async () => {
    const docker = hub()
    docker.add('ledger', 'running', 'Up (health: starting)')
    docker.onLook = (look) => look === 3 && docker.healthy('ledger')
    const context = at(docker)
    await compose.apply(context, PARAMS)
    expect(context.progressed[0]).toEqual([2, 3, 'items', 'ledger'])
    expect(context.progressed.at(-1)).toEqual([3, 3, 'items', ''])
  })

  it('does not wait for a service that has ended badly, and gives its last words', async () => {
    const docker = hub()
    docker.add('ledger', 'exited', 'Exited (1) 1 second ago')
    docker.logs = 'Error: connect ECONNREFUSED mysql:3306'
    const startedAt = Date.now()
    const { facts } = await failureOf(compose.apply(at(docker), { ...PARAMS, waitSeconds: 600 }))
    expect(Date.now() - startedAt).toBeLessThan(1_000)
    expect(facts).toMatchObject({ code: 'service-not-healthy', kind: 'step', message: 'ledger did not come up' })
    expect(facts.found).toContain('ECONNREFUSED')
    expect(facts.next).toContain('docker logs mojabox-ledger-1')
  })

  it('gives what Compose itself said when it could not start them', async () => {
    const docker = hub()
    docker.containers = []
    docker.up = () => ({ code: 1, stderr: 'Bind for 127.0.0.1:3001 failed: port is already allocated' })
    const { facts } = await failureOf(compose.apply(at(docker), PARAMS))
    expect(facts.found).toContain('port is already allocated')
  })

  it('is content when Compose complained but all are well', async () => {
    const docker = hub()
    docker.up = () => ({ code: 1, stderr: 'timed out waiting' })
    await compose.apply(at(docker), PARAMS)
  })

  it('gives up after its time', async () => {
    const docker = hub()
    docker.add('ledger', 'running', 'Up (health: starting)')
    const { facts } = await failureOf(compose.apply(at(docker), { ...PARAMS, waitSeconds: 0.2 }))
    expect(facts.needed).toContain('0.2 s')
  })

  it('lets no secret out with a service’s last words', async () => {
    await mkdir(NODE_PATHS.secrets, { recursive: true })
    await writeFile(`${NODE_PATHS.secrets}/mysql`, '0123456789abcdef')
    const docker = hub()
    docker.add('ledger', 'exited', 'Exited (1) 1 second ago')
    docker.logs = "Access denied for 'ledger' (using 0123456789abcdef)"
    docker.up = () => ({ code: 1, stderr: 'dependency failed: 0123456789abcdef' })
    const { facts } = await failureOf(compose.apply(at(docker), PARAMS))
    expect(JSON.stringify(facts)).not.toContain('0123456789abcdef')
  })

  it('stops waiting when the run is stopped', async () => {
    const docker = hub()
    docker.add('ledger', 'running', 'Up (health: starting)')
    const stop = new AbortController()
    docker.onLook = (look) => look === 2 && stop.abort(new Error('stopped'))
    const startedAt = Date.now()
    await expect(
      compose.apply(contextOf({ run: docker.commands.run, signal: stop.signal }), { ...PARAMS, waitSeconds: 60 }),
    ).rejects.toThrow()
    expect(Date.now() - startedAt).toBeLessThan(3_000)
  })

  it('is taken down with its volumes only when the data may go', async () => {
    const removed = async (deleteData: boolean) => {
      const commands = new FakeCommands((argv) => (argv.includes('ls') ? 'mojabox_mysql\nmojabox_kafka\n' : undefined))
      await compose.undo?.(contextOf({ run: commands.run, order: orderOf({ deleteData }) }), PARAMS, null)
      expect(commands.lines.find((line) => line.includes(' down '))).toMatch(
        /^docker compose -p mojabox down --remove-orphans/,
      )
      return commands.lines.filter((line) => line.startsWith('docker volume rm') || line.includes('--volumes'))
    }
    expect(await removed(false)).toEqual([])
    expect(await removed(true)).toEqual(['docker volume rm mojabox_mysql mojabox_kafka'])
  })

  it('has nothing to take down where Docker is gone', async () => {
    const run: RunCommand = async () => {
      throw new MojaboxError({ code: 'command-missing', kind: 'step', message: 'there is no such program' })
    }
    await compose.undo?.(contextOf({ run }), PARAMS, null)
  })

  it('is not taken for gone because Docker is stopped: it would come back with it', async () => {
    const commands = new FakeCommands(() => ({ code: 1, stderr: 'Cannot connect to the Docker daemon' }))
    await expect(compose.undo?.(contextOf({ run: commands.run }), PARAMS, null)).rejects.toBeInstanceOf(MojaboxError)
  })
})

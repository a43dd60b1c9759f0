import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { NodeState } from '../contract/node-state.ts'
import { NodeState as NodeStateSchema } from '../contract/node-state.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import { NodeStatus, type ServiceStatus, ValidationSummary } from '../contract/status.ts'
import type { RunCommand } from '../contract/step.ts'
import { listContainers } from '../runtimes/compose.ts'
import { Store } from '../store/store.ts'

/** The file in the reports' folder that names the last validation. */
export const LAST_VALIDATION = 'last.json'

/** What is installed here; undefined where nothing is. */
export async function readNodeState(): Promise<NodeState | undefined> {
  const text = await readFile(NODE_PATHS.node, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : NodeStateSchema.parse(JSON.parse(text))
}

/** @throws MojaboxError `not-installed` */
export async function requireNodeState(): Promise<NodeState> {
  const state = await readNodeState()
  if (state) return state
  throw new MojaboxError({
    code: 'not-installed',
    kind: 'check',
    message: 'nothing is installed on this node',
    found: `no ${NODE_PATHS.node}`,
    needed: 'a finished `mojabox install`',
    next: 'mojabox install',
  })
}

/** The node's status as it can be seen without asking the agent. */
export async function observeStatus(run: RunCommand, state: NodeState): Promise<NodeStatus> {
  const containers = await listContainers(run).catch(() => [])
  const services = containers.map(({ service, state, health, image, exitCode }): ServiceStatus => {
    return { service, state: state === 'exited' && exitCode === 0 ? 'completed' : state, health, image }
  })
  services.sort((left, right) => left.service.localeCompare(right.service))
  return {
    version: 1,
    site: state.site,
    host: state.host,
    deployment: state.deployment,
    profile: state.profile,
    bundle: state.bundle,
    bundleVersion: state.bundleVersion,
    mojabox: state.mojabox,
    bootedAt: await bootTime(),
    hub: hubState(services),
    services,
    agent: null,
    store: await storeSize(),
    validation: await lastValidation(),
    nextValidationAt: null,
  }
}

export async function lastValidation(): Promise<ValidationSummary | null> {
  try {
    return ValidationSummary.parse(JSON.parse(await readFile(`${NODE_PATHS.reports}/${LAST_VALIDATION}`, 'utf8')))
  } catch {
    return null
  }
}

/** Asks the agent over its socket; undefined when none answers within `timeoutMs`. */
export async function askAgent(timeoutMs = 10_000): Promise<NodeStatus | undefined> {
  const text = await new Promise<string | undefined>((resolve) => {
    const options = { socketPath: NODE_PATHS.agentSocket, path: '/status', timeout: timeoutMs }
    const asked = get(options, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece) => pieces.push(piece))
      response.on('end', () => resolve(response.statusCode === 200 ? Buffer.concat(pieces).toString() : undefined))
      response.on('error', () => resolve(undefined))
    })
    asked.on('error', () => resolve(undefined))
    asked.on('timeout', () => asked.destroy())
  })
  if (text === undefined) return undefined
  // An agent of another version says it otherwise: the look from here is as good.
  return NodeStatus.safeParse(parseJson(text)).data
}

function hubState(services: ServiceStatus[]): NodeStatus['hub'] {
  const lasting = services.filter((service) => service.state !== 'completed')
  const up = lasting.filter((service) => service.state === 'running' && ['', 'healthy'].includes(service.health))
  if (lasting.length === 0 || up.length === 0)
    return services.some((service) => service.health === 'starting') ? 'starting' : 'down'
  if (up.length === lasting.length) return 'up'
  return lasting.some((service) => service.health === 'starting') ? 'starting' : 'degraded'
}

/** When PID 1 started: in a container that is its own boot, not the machine's around it. See proc(5). */
async function bootTime(): Promise<string> {
  const CLOCK_TICKS_PER_SECOND = 100
  const [machine, init] = await Promise.all([readFile('/proc/stat', 'utf8'), readFile('/proc/1/stat', 'utf8')])
  const bootSeconds = Number(/^btime (\d+)$/m.exec(machine)?.[1] ?? 0)
  // The 22nd field; the second one, a name in brackets, may hold blanks.
  const startTicks = Number(init.slice(init.lastIndexOf(')') + 2).split(' ')[19] ?? 0)
  return new Date((bootSeconds + startTicks / CLOCK_TICKS_PER_SECOND) * 1000).toISOString()
}

async function storeSize(): Promise<{ blobs: number; bytes: number }> {
  const store = new Store(NODE_PATHS.store)
  const digests = await store.list()
  const sizes = await Promise.all(digests.map((digest) => store.sizeOf(digest)))
  return { blobs: digests.length, bytes: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

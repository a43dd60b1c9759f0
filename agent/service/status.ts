import { readFile, stat } from 'node:fs/promises'
import { uptime } from 'node:os'
import { z } from 'zod'
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

/** Asks the agent over its socket; undefined when none answers. */
export async function askAgent(timeoutMs = 5_000): Promise<NodeStatus | undefined> {
  const { request, Agent } = await import('undici')
  const dispatcher = new Agent({ connect: { socketPath: NODE_PATHS.agentSocket } })
  try {
    const response = await request('http://agent/status', { dispatcher, signal: AbortSignal.timeout(timeoutMs) })
    return NodeStatus.parse(await response.body.json())
  } catch (error) {
    if (error instanceof z.ZodError) throw error
    return undefined
  } finally {
    await dispatcher.close()
  }
}

function hubState(services: ServiceStatus[]): NodeStatus['hub'] {
  const lasting = services.filter((service) => service.state !== 'completed')
  const up = lasting.filter((service) => service.state === 'running' && ['', 'healthy'].includes(service.health))
  if (lasting.length === 0 || up.length === 0)
    return services.some((service) => service.health === 'starting') ? 'starting' : 'down'
  if (up.length === lasting.length) return 'up'
  return lasting.some((service) => service.health === 'starting') ? 'starting' : 'degraded'
}

async function bootTime(): Promise<string> {
  // PID 1's own start, which in a container is its boot; `uptime` would tell the machine's around it.
  const started = await stat('/proc/1').catch(() => undefined)
  return (started?.ctime ?? new Date(Date.now() - uptime() * 1000)).toISOString()
}

async function storeSize(): Promise<{ blobs: number; bytes: number }> {
  const store = new Store(NODE_PATHS.store)
  const digests = await store.list()
  const sizes = await Promise.all(digests.map((digest) => store.sizeOf(digest)))
  return { blobs: digests.length, bytes: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) }
}

import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { MojaboxError } from '../../bundles/format/error.ts'
import { LAST_VALIDATION } from '../contract/last-validation.ts'
import type { NodeState } from '../contract/node-state.ts'
import { NodeState as NodeStateSchema } from '../contract/node-state.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import { NodeStatus, type ServiceStatus, ValidationSummary } from '../contract/status.ts'
import type { RunCommand } from '../contract/step.ts'
import { listContainers, restartedContainers } from '../runtimes/compose.ts'
import { Store } from '../store/store.ts'
import { bootTime } from './boot-time.ts'
import { hubState, serviceStatuses } from './hub-state.ts'

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
  const ended = containers.filter(({ state, exitCode }) => state === 'exited' && exitCode === 0)
  const lasting = await restartedContainers(
    run,
    ended.map(({ name }) => name),
  )
  const services = serviceStatuses(containers, ({ name }) => lasting.has(name)).map(
    ({ service, state, health, image }): ServiceStatus => ({ service, state, health, image }),
  )
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

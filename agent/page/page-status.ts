import { readFile, stat } from 'node:fs/promises'
import type { NodeState } from '../contract/node-state.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { NodeStatus, ServiceStatus, ValidationSummary } from '../contract/status.ts'
import { bootTime } from '../service/boot-time.ts'
import { isWell } from '../service/hub-state.ts'
import { withoutTwice } from './failed-cases.ts'
import { runOf } from './hub-watch.ts'
import type { Look } from './look.ts'
import type { ContainerUse, ResourceReader, Resources } from './resources.ts'

/** What only the agent's own process knows. */
export interface AgentFacts {
  startedAt: string
  mirror: string
  /** ISO 8601; null before the first validation. */
  nextValidationAt(): string | null
  validating(): boolean
}

type Use = Pick<ContainerUse, 'memoryBytes' | 'cores' | 'cpuSeconds'>

/** What `/api/status` answers. */
export interface PageStatus
  extends Omit<NodeStatus, 'version' | 'services' | 'agent' | 'store' | 'validation'>,
    Pick<Resources, 'memory' | 'disks' | 'load'> {
  at: string
  cores: number
  installedAt: string
  /** `well`: as it should be. `words`: Docker's own, `Up 2 hours (healthy)`. `use`: null where it cannot be seen. */
  services: (ServiceStatus & { well: boolean; words: string; use: Use | null })[]
  agent: { pid: number; startedAt: string; residentBytes: number; page: string | null }
  validation: (Omit<ValidationSummary, 'report'> & { run: string }) | null
  validating: boolean
  validateEverySeconds: number
}

export interface StatusSources {
  facts: AgentFacts
  look: Look
  resources: ResourceReader
  validation: ValidationSummary | null
  page: string | null
}

/** Puts together what a page shows of this moment. @throws when node.json is gone: nothing is installed any more */
export async function pageStatus({ facts, look, resources, validation, page }: StatusSources): Promise<PageStatus> {
  const [{ state, installedAt }, { containers, ...host }, bootedAt] = await Promise.all([
    readInstalled(),
    resources.read(look.services),
    bootTime(),
  ])
  const uses = new Map(containers.map(({ service, ...use }) => [service, use]))
  return {
    at: new Date(look.atMs).toISOString(),
    site: state.site,
    host: state.host,
    deployment: state.deployment,
    profile: state.profile,
    bundle: state.bundle,
    bundleVersion: state.bundleVersion,
    mojabox: state.mojabox,
    installedAt,
    bootedAt,
    hub: look.hub,
    services: look.services.map(({ id: _, ...service }) => ({
      ...service,
      well: isWell(service),
      use: uses.get(service.service) ?? null,
    })),
    agent: { pid: process.pid, startedAt: facts.startedAt, residentBytes: process.memoryUsage.rss(), page },
    validation: validation && summaryOf(validation),
    validating: facts.validating(),
    nextValidationAt: facts.nextValidationAt(),
    validateEverySeconds: state.settings.validateEverySeconds,
    ...host,
  }
}

function summaryOf(validation: ValidationSummary): PageStatus['validation'] {
  const { report: _, ...rest } = validation
  return { ...rest, failed: rest.failed.map(withoutTwice), run: runOf(validation) }
}

/** Read without its schema; the install wrote it. */
export async function readInstalled(): Promise<{ state: NodeState; installedAt: string }> {
  const [text, file] = await Promise.all([readFile(NODE_PATHS.node, 'utf8'), stat(NODE_PATHS.node)])
  return { state: JSON.parse(text), installedAt: file.mtime.toISOString() }
}

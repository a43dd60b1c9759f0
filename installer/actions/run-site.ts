import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Emit, Event, EventBody } from '../../agent/contract/events.ts'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import type { WorkOrder } from '../../agent/contract/work-order.ts'
import { factsOf, MojaboxError } from '../../bundles/format/error.ts'
import type { OpenBundle } from '../../bundles/format/open.ts'
import { deliverExecutable, type ExecutableSource } from '../delivery/executable.ts'
import { deskName, watchRun } from '../delivery/session.ts'
import type { Connection } from '../fleet/connection.ts'
import { eachHost, outcomeError } from '../fleet/each-host.ts'
import type { Host, Site } from '../site/site.ts'

/** One way to a host, as root. */
export type Reach = (host: Host, signal: AbortSignal) => Promise<Connection>

export interface SiteRun {
  site: Site
  verb: WorkOrder['verb']
  /** Opened and verified; absent for verbs that need none. */
  bundle: OpenBundle | undefined
  executables: ExecutableSource
  reach: Reach
  skipChecks: string[]
  levels: string[]
  deleteData: boolean
  onEvent: (event: Event) => void
  signal: AbortSignal
}

/** A lost link is taken up again for this long before it counts as a failure, milliseconds. */
const RECONNECT_FOR_MS = 90_000
const RECONNECT_EVERY_MS = 2_000

/**
 * One verb on every host of the site, so many at once as the site says, each with its own outcome.
 * @returns undefined when all went well, else the error that sums up what failed
 */
export async function runSite(options: SiteRun): Promise<unknown> {
  const { site } = options
  const run = randomUUID()
  const outcomes = await eachHost(
    site.hosts,
    site.parallel,
    async (host) => {
      const order = orderFor(options, host, run)
      const emit: Emit = (body) =>
        options.onEvent({ ...body, at: new Date().toISOString(), host: host.name, run } as EventBody & Event)
      const startedAt = Date.now()
      let told = false
      try {
        const last = await persist(options, host, order, emit)
        told = true
        if (last.outcome === 'failed' && last.error) throw new MojaboxError(last.error)
      } catch (error) {
        const seconds = Math.round(Date.now() - startedAt) / 1000
        if (!told) emit({ type: 'run-finished', outcome: 'failed', changed: 0, seconds, error: factsOf(error) })
        throw error
      }
    },
    options.signal,
  )
  return outcomeError(outcomes)
}

function orderFor(options: SiteRun, host: Host, run: string): WorkOrder {
  const { site, bundle } = options
  return {
    version: 1,
    run,
    verb: options.verb,
    site: site.site,
    host: host.name,
    deployment: site.deployment,
    profile: site.profile,
    ...(bundle && { bundle: bundle.manifest.digest }),
    settings: site.settings,
    skipChecks: [...site.skipChecks, ...options.skipChecks],
    deleteData: options.deleteData,
    levels: options.levels,
    desk: deskName(),
  }
}

/** Watches the run, over as many connections as it takes. */
async function persist(
  options: SiteRun,
  host: Host,
  order: WorkOrder,
  emit: Emit,
): Promise<Extract<Event, { type: 'run-finished' }>> {
  let lostAt: number | undefined
  const seen = new Set<string>()
  const onEvent = (event: Event) => {
    // After a reconnect the node tells the run again from its start.
    const key = JSON.stringify(event)
    if (event.type === 'step-progress' || !seen.has(key)) options.onEvent(event)
    seen.add(key)
  }
  for (;;) {
    let established = false
    try {
      return await once(options, host, order, emit, (event) => {
        established = true
        onEvent(event)
      })
    } catch (error) {
      if (!isLost(error) || options.signal.aborted) throw error
      if (established) lostAt = undefined
      else if (lostAt === undefined) throw error
      lostAt ??= Date.now()
      if (Date.now() - lostAt > RECONNECT_FOR_MS) throw error
      emit({ type: 'note', level: 'warn', message: 'the connection was lost; the node goes on, connecting again' })
      await delay(RECONNECT_EVERY_MS, undefined, { signal: options.signal })
    }
  }
}

async function once(options: SiteRun, host: Host, order: WorkOrder, emit: Emit, onEvent: (event: Event) => void) {
  const connection = await options.reach(host, options.signal)
  try {
    emit({ type: 'connected', address: connection.address })
    const { stdout } = await connection.exec(['uname', '-m'], { signal: options.signal })
    if (order.verb !== 'status' || !(await isInstalled(connection, options.signal))) {
      const executable = await options.executables.for(ociArchitecture(stdout.trim()))
      const total = executable.sizeBytes
      const onBytes = (doneBytes: number) => emit({ type: 'transfer', what: 'mojabox', doneBytes, totalBytes: total })
      await deliverExecutable(connection, executable, onBytes, options.signal)
    }
    return await watchRun({
      connection,
      executable: NODE_PATHS.executable,
      order,
      blobs: options.bundle,
      onEvent,
      signal: options.signal,
    })
  } finally {
    await connection.close()
  }
}

/** Reading a node's state must not replace what it runs. */
async function isInstalled(connection: Connection, signal: AbortSignal): Promise<boolean> {
  return (await connection.exec(['test', '-x', NODE_PATHS.executable], { signal })).code === 0
}

function isLost(error: unknown): boolean {
  const code = factsOf(error).code
  return code === 'host-lost' || code === 'host-unreachable' || code === 'host-timeout'
}

const MACHINES: Record<string, string> = { x86_64: 'amd64', amd64: 'amd64', aarch64: 'arm64', arm64: 'arm64' }

function ociArchitecture(machine: string): string {
  return MACHINES[machine] ?? machine
}

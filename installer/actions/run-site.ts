import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Emit, Event, EventBody } from '../../agent/contract/events.ts'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import type { ComposeOverride, WorkOrder } from '../../agent/contract/work-order.ts'
import { ociArchitecture } from '../../agent/facts/cpu.ts'
import { type ErrorFacts, factsOf, MojaboxError } from '../../bundles/format/error.ts'
import type { OpenBundle } from '../../bundles/format/open.ts'
import { digestThere } from '../delivery/deliver-executable.ts'
import type { ExecutableSource } from '../delivery/executable.ts'
import { ExecutableSeeding } from '../delivery/executable-seeding.ts'
import type { RateLimit } from '../delivery/rate-limit.ts'
import { type HostSeeding, Seeding } from '../delivery/seeding.ts'
import { seedingHosts } from '../delivery/seeding-hosts.ts'
import { deskName, watchRun } from '../delivery/session.ts'
import type { Connection } from '../fleet/connection.ts'
import { eachHost, outcomeError } from '../fleet/each-host.ts'
import type { Host, Site } from '../site/site.ts'
import { Advance, isLost, lossText } from './advance.ts'
import { notInstalled } from './not-installed.ts'
import type { BundleTrust } from './trusted-bundle.ts'

type RunFinished = Extract<Event, { type: 'run-finished' }>

/** One way to a host. */
export type Reach = (host: Host, signal: AbortSignal) => Promise<Connection>

export interface SiteRun {
  site: Site
  verb: WorkOrder['verb']
  /** Opened and verified; absent for verbs that need none. */
  bundle: OpenBundle | undefined
  /** Of a delta whose base is not at hand. */
  leftOut?: WorkOrder['leftOut']
  trust?: BundleTrust | undefined
  downgradeAllowed?: boolean
  executables: ExecutableSource
  /** Of what this desk sends, all hosts together. */
  rate?: RateLimit | undefined
  /** Hosts pass on to each other what they have, so that it leaves the desk once; for verbs with a bundle. */
  seeding?: boolean
  reach: Reach
  skipChecks: string[]
  levels: string[]
  deleteData: boolean
  composeOverrides: ComposeOverride[]
  showConfig: boolean
  onEvent: (event: Event) => void
  signal: AbortSignal
}

/** The same for one of its hosts. */
interface HostRun extends SiteRun {
  /** Its part in passing blobs on. */
  part: HostSeeding | undefined
  /** One for all hosts. */
  executableSeeding: ExecutableSeeding
  /** Lets the next host begin. */
  leaveTurn: () => void
}

/** Between two tries at a lost link, milliseconds. */
const RECONNECT_EVERY_MS = 2_000
const UNSAID: ErrorFacts = { code: 'bug', kind: 'bug', message: 'the run failed, and the node did not say why' }

/**
 * One verb on every host of the site, so many at once as the site says, each with its own outcome.
 * @returns undefined when all went well, else the error that sums up what failed
 */
export async function runSite(options: SiteRun): Promise<unknown> {
  const { site } = options
  const run = randomUUID()
  const seeds = options.seeding ? await seedingHosts(site.hosts) : []
  const seeding = new Seeding(seeds)
  const executableSeeding = new ExecutableSeeding()
  const outcomes = await eachHost(
    site.hosts,
    site.parallel,
    async (host, leaveTurn) => {
      const part = seeding.of(host.name)
      const order = orderFor(options, host, run, part?.address)
      const emit: Emit = (body) =>
        options.onEvent({ ...body, at: new Date().toISOString(), host: host.name, run } as EventBody & Event)
      const startedAt = performance.now()
      let told = false
      part?.begin()
      try {
        const last = await persist({ ...options, part, executableSeeding, leaveTurn }, host, order, emit)
        told = true
        if (last.outcome === 'failed') throw new MojaboxError(last.error ?? UNSAID)
      } catch (cause) {
        const error = options.signal.aborted ? options.signal.reason : cause
        const seconds = Math.round(performance.now() - startedAt) / 1000
        if (!told) emit({ type: 'run-finished', outcome: 'failed', changed: 0, seconds, error: factsOf(error) })
        throw error
      } finally {
        part?.end()
      }
    },
    options.signal,
  )
  return outcomeError(outcomes)
}

function orderFor(options: SiteRun, host: Host, run: string, seedingAddress: string | undefined): WorkOrder {
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
    ...(options.leftOut && { leftOut: options.leftOut }),
    ...(options.trust ?? { unsignedAllowed: false }),
    downgradeAllowed: options.downgradeAllowed === true,
    ...(seedingAddress !== undefined && { seeding: { address: seedingAddress } }),
    settings: site.settings,
    composeOverrides: options.composeOverrides,
    showConfig: options.showConfig,
    skipChecks: [...site.skipChecks, ...options.skipChecks],
    deleteData: options.deleteData,
    levels: options.levels,
    desk: deskName(),
  }
}

/** Watches the run, over as many connections as it takes. */
async function persist(options: HostRun, host: Host, order: WorkOrder, emit: Emit): Promise<RunFinished> {
  const advance = new Advance()
  const onEvent = (event: Event) => {
    if (advance.isNew(event)) options.onEvent(event)
  }
  const told: Emit = (body) => {
    if (body.type === 'connected') advance.reached()
    if (body.type === 'transfer') advance.sent(body.doneBytes)
    emit(body)
  }
  for (;;) {
    try {
      return await once(options, host, order, told, onEvent)
    } catch (error) {
      if (!isLost(error) || options.signal.aborted || !advance.mayReconnect(error)) throw error
      if (advance.isFirstLoss()) emit({ type: 'note', level: 'warn', message: lossText(error, advance) })
      await delay(RECONNECT_EVERY_MS, undefined, { signal: options.signal })
    }
  }
}

/** Verbs about what is installed: they use the executable that is there. */
const ABOUT_INSTALLED: WorkOrder['verb'][] = ['status', 'validate', 'reset-data', 'uninstall']

async function once(
  options: HostRun,
  host: Host,
  order: WorkOrder,
  emit: Emit,
  onEvent: (event: Event) => void,
): Promise<RunFinished> {
  const connection = await options.reach(host, options.signal)
  const { signal, executables, bundle, rate } = options
  try {
    emit({ type: 'connected', address: connection.address })
    const there = ABOUT_INSTALLED.includes(order.verb) ? await whatIsThere(connection, signal) : undefined
    if (there === 'nothing') return nothingThere(order, emit)
    if (there !== 'executable') {
      const digest = digestThere(connection, signal)
      const [{ stdout }] = await Promise.all([connection.exec(['uname', '-m'], { signal }), digest])
      const executable = await executables.for(ociArchitecture(stdout.trim()))
      const onBytes = (doneBytes: number, totalBytes: number) =>
        emit({ type: 'transfer', what: 'mojabox', doneBytes, totalBytes })
      const paced = rate ? rate.pacedExecutable(executable) : executable
      const receiver = { host: host.name, address: order.seeding?.address, connection }
      await options.executableSeeding.deliver(receiver, paced, onBytes, signal, digest)
    }
    return await watchRun({
      connection,
      executable: NODE_PATHS.executable,
      order,
      blobs: bundle && rate ? rate.paced(bundle) : bundle,
      seeding: options.part,
      onLending: options.leaveTurn,
      onEvent,
      signal,
    })
  } finally {
    options.executableSeeding.leave(host.name)
    await connection.close()
  }
}

/** Of mojabox: its executable, only its journal (the executable was lost), or nothing. */
async function whatIsThere(connection: Connection, signal: AbortSignal): Promise<'executable' | 'journal' | 'nothing'> {
  const has = async (flag: string, path: string) => (await connection.exec(['test', flag, path], { signal })).code === 0
  if (await has('-x', NODE_PATHS.executable)) return 'executable'
  return (await has('-e', NODE_PATHS.journal)) ? 'journal' : 'nothing'
}

/** Nothing to take away is done; anything else needs an install first. @throws MojaboxError `not-installed` */
function nothingThere(order: WorkOrder, emit: Emit): RunFinished {
  if (order.verb !== 'uninstall') throw notInstalled(order.host)
  const end = { type: 'run-finished', outcome: 'done', changed: 0, seconds: 0 } as const
  emit(end)
  return { ...end, at: new Date().toISOString(), host: order.host, run: order.run }
}

import { rm, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { factsOf, MojaboxError } from '../../bundles/format/error.ts'
import type { CheckResult } from '../contract/check.ts'
import type { Emit, Event } from '../contract/events.ts'
import type { NodeState } from '../contract/node-state.ts'
import { NODE_PATHS } from '../contract/paths.ts'
import type { Report } from '../contract/report.ts'
import type { NodeBundle, RunCommand, Step, StepContext } from '../contract/step.ts'
import type { WorkOrder } from '../contract/work-order.ts'
import { effectiveConfig } from '../deployments/core-test-harness/effective-config.ts'
import { clearPlaces } from '../development/place.ts'
import { applySteps, planSteps, undoSteps } from '../engine/engine.ts'
import { Journal } from '../engine/journal.ts'
import { handlerOf } from '../engine/steps/registry.ts'
import { createRunCommand } from '../runtimes/command.ts'
import { Arrivals } from '../store/arrivals.ts'
import { diskFailure } from '../store/disk-space.ts'
import { openNodeBundle } from '../store/node-bundle.ts'
import { Store } from '../store/store.ts'
import type { DeskLink } from './desk-link.ts'
import { dropPieces } from './executable-pieces.ts'
import { forgetNode } from './forget-node.ts'
import type { Hello } from './greeting.ts'
import { prepareInstall } from './prepare-install.ts'
import { reenter } from './reentry.ts'
import { dataSteps, removeData } from './reset-data.ts'
import { Seeding } from './seeding.ts'
import { askAgent, observeStatus, requireNodeState } from './status.ts'
import { loadReport, saveReport, validateApart } from './validation.ts'
import { failUnlessPassed } from './verdict.ts'

/** What every verb works with. */
interface Run {
  order: WorkOrder
  emit: Emit
  signal: AbortSignal
  command: RunCommand
  store: Store
  arrivals: Arrivals
  journal: Journal
  bundle: NodeBundle | undefined
  seeding: Seeding | undefined
  /** The desk's clock now, epoch milliseconds. */
  deskTimeMs: () => number
  context(step: Step): StepContext
}

/** Carries out one order, telling what happens; never throws: the last event says how it ended. */
export async function runOrder(hello: Hello, link: DeskLink, signal: AbortSignal): Promise<void> {
  const { order } = hello
  const startedAt = performance.now()
  const aheadMs = Date.parse(hello.deskTime) - Date.now()
  const emit: Emit = (body) => {
    const event: Event = { ...body, at: new Date().toISOString(), host: order.host, run: order.run }
    link.tell(event)
  }
  link.onWaiting = (what) => emit({ type: 'waiting-for-desk', what })
  emit({ type: 'run-started', verb: order.verb, deployment: order.deployment, profile: order.profile })
  const store = new Store(NODE_PATHS.store)
  const seeding = order.seeding && new Seeding(link, store, order.seeding.address, emit, signal)
  let changed = 0
  let failure: unknown
  try {
    const run = await begin(order, store, { link, seeding }, emit, signal, () => Date.now() + aheadMs)
    changed = await VERBS[order.verb](run)
  } catch (error) {
    failure = signal.aborted ? signal.reason : (diskFailure(error) ?? error)
  }
  if (seeding?.bytes) emit({ type: 'seeded', ...seeding.bytes })
  const seconds = Math.round(performance.now() - startedAt) / 1000
  if (failure === undefined) emit({ type: 'run-finished', outcome: 'done', changed, seconds })
  else emit({ type: 'run-finished', outcome: 'failed', changed, seconds, error: factsOf(failure) })
  await seeding?.close(failure === undefined)
}

async function begin(
  order: WorkOrder,
  store: Store,
  { link, seeding }: { link: DeskLink; seeding: Seeding | undefined },
  emit: Emit,
  signal: AbortSignal,
  deskTimeMs: () => number,
): Promise<Run> {
  const arrivals = new Arrivals(store, (seeding ?? link).fetch, signal, seeding)
  const bundle = order.bundle && (await openNodeBundle(store, link.fetch, order.bundle, signal))
  const command = createRunCommand(signal)
  const run: Omit<Run, 'context'> = {
    order,
    emit,
    signal,
    command,
    store,
    arrivals,
    journal: await Journal.open(NODE_PATHS.journal),
    bundle: bundle || undefined,
    seeding,
    deskTimeMs,
  }
  return { ...run, context: (step) => stepContext(run, step) }
}

function stepContext(run: Omit<Run, 'context'>, step: Step): StepContext {
  return {
    order: run.order,
    signal: run.signal,
    run: run.command,
    bundle: run.bundle,
    store: run.store,
    arrivals: run.arrivals,
    progress: (done, total, unit, note) =>
      run.emit({ type: 'step-progress', id: step.id, done, total, unit, ...(note !== undefined && { note }) }),
    note: (message) => run.emit({ type: 'note', level: 'info', message }),
  }
}

/** How many steps changed something, by verb. */
const VERBS: Record<WorkOrder['verb'], (run: Run) => Promise<number>> = {
  async check(run) {
    const { checks } = await prepare(run)
    await leaveAsFound(run)
    refuseFailed(checks)
    return 0
  },

  async plan(run) {
    const { checks, steps, rendered } = await prepare(run)
    if (run.order.showConfig) {
      run.emit({ type: 'config', compose: rendered.composeText, values: effectiveConfig(rendered) })
    }
    run.emit({
      type: 'plan',
      steps: await planSteps(steps, handlerOf, run.context({ id: 'plan', kind: '', params: null })),
    })
    await leaveAsFound(run)
    refuseFailed(checks)
    return 0
  },

  async install(run) {
    const { checks, steps, settled, signedBy, needed } = await prepare(run)
    if (checks.some((check) => check.status === 'fail')) {
      await leaveAsFound(run)
      refuseFailed(checks)
    }
    await dropPieces(run.command)
    await clearPlaces(run.command)
    await run.seeding?.start(run.arrivals, needed)
    const changed = await applySteps(steps, handlerOf, run.context, run.journal, run.emit)
    const { skipChecks: skippedChecks, unsignedAllowed } = run.order
    const about = { checks, skippedChecks, signedBy, unsignedAllowed }
    const recent = changed === 0 && settled ? await recentReport(run) : undefined
    if (recent) tell(run, { ...recent, ...about })
    else {
      const report = { ...(await validateApart(reenter, run.order.levels, run.order.run, run.signal)), ...about }
      await saveReport(report)
      tell(run, report)
    }
    return changed
  },

  async validate(run) {
    await requireInstalled(run)
    tell(run, await validateApart(reenter, run.order.levels, run.order.run, run.signal))
    return 0
  },

  async status(run) {
    const state = await requireInstalled(run)
    run.emit({ type: 'status', status: (await askAgent()) ?? (await observeStatus(run.command, state)) })
    return 0
  },

  async 'reset-data'(run) {
    await requireInstalled(run)
    await clearPlaces(run.command)
    const steps = dataSteps(run.journal)
    await removeData(steps, handlerOf, run.context, run.emit)
    const changed = await applySteps(steps, handlerOf, run.context, run.journal, run.emit)
    const report = await validateApart(reenter, run.order.levels, run.order.run, run.signal)
    await saveReport(report)
    tell(run, report)
    return changed
  },

  async uninstall(run) {
    await clearPlaces(run.command)
    const undone = await undoSteps(handlerOf, run.context, run.journal, run.emit)
    await forgetNode(run.journal.applied().length > 0)
    return undone
  },
}

/** @throws MojaboxError `not-installed`, with the host as it was found */
async function requireInstalled(run: Run): Promise<NodeState> {
  return requireNodeState().catch(async (error) => {
    await leaveAsFound(run)
    throw error
  })
}

async function prepare(run: Run) {
  if (!run.bundle) throw new Error(`${run.order.verb} without a bundle`)
  const prepared = await prepareInstall({ ...run, bundle: run.bundle }).catch(async (error) => {
    await leaveAsFound(run)
    throw error
  })
  for (const result of prepared.checks) run.emit({ type: 'check', result })
  return prepared
}

/**
 * Where nothing is installed, nothing stays: the executable that was sent for this run goes again. Secrets that an
 * uninstall kept beside their data are not this run's to take.
 */
async function leaveAsFound(run: Run): Promise<void> {
  if (run.journal.installed) return
  await rm(dirname(NODE_PATHS.executable), { recursive: true, force: true })
  await rmdir(NODE_PATHS.root).catch(() => {})
}

function refuseFailed(checks: CheckResult[]): void {
  const failed = checks.filter((check) => check.status === 'fail')
  const first = failed[0]
  if (!first) return
  throw new MojaboxError({
    code: 'check-failed',
    kind: 'check',
    message:
      failed.length === 1
        ? `a check failed: ${first.title}`
        : `${failed.length} checks failed: ${failed.map((check) => check.id).join(', ')}`,
    found: joined(failed.map((check) => check.found)),
    needed: joined(failed.map((check) => check.needed)),
    next: joined(failed.map((check) => check.fix)),
  })
}

function joined(texts: string[]): string {
  return texts.filter(Boolean).join('; ')
}

/** The agent's own last report, when it is younger than its interval: nothing changed since, so it still holds. */
async function recentReport(run: Run): Promise<Report | undefined> {
  const maxAgeMs = run.order.settings.validateEverySeconds * 1000
  const report = await loadReport(maxAgeMs)
  const wanted = run.order.levels
  const levels = report?.levels.map(({ level }) => level) ?? []
  return report?.passed && report.bundle === run.order.bundle && wanted.every((level) => levels.includes(level))
    ? report
    : undefined
}

function tell(run: Run, report: Report): void {
  run.emit({ type: 'report', report })
  failUnlessPassed(report)
}

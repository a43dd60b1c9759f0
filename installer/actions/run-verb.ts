import { resolve } from 'node:path'
import type { Event } from '../../agent/contract/events.ts'
import { NodeStatus } from '../../agent/contract/status.ts'
import type { WorkOrder } from '../../agent/contract/work-order.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { BundleManifest } from '../../bundles/format/manifest.ts'
import { nearestNames } from '../../bundles/format/nearest.ts'
import type { OpenBundle } from '../../bundles/format/open.ts'
import type { Io } from '../cli/io.ts'
import { levelsOrAll } from '../cli/levels.ts'
import type { SiteOptions } from '../cli/site-options.ts'
import { createReader } from '../render/create-reader.ts'
import type { Reader } from '../render/reader.ts'
import { readOverrides } from '../site/compose-overrides.ts'
import type { Site } from '../site/site.ts'
import { failUnlessWell } from './hub-health.ts'
import { type ResolvedSite, reachOf, resolveSite } from './resolve-site.ts'
import type { Reach } from './run-site.ts'

export interface VerbOptions extends SiteOptions {
  skipCheck?: string[]
  level?: string[]
  deleteData?: boolean
  showConfig?: boolean
  report?: string
  /** Bytes a second. */
  limitRate?: number
  /** False with `--no-seeding`. */
  seeding?: boolean
  allowDowngrade?: boolean
}

const NEEDS_BUNDLE: WorkOrder['verb'][] = ['check', 'plan', 'install']

/**
 * One verb on a site's hosts: opens and verifies the bundle where the verb needs one, runs, shows, and throws what
 * went wrong for the exit code.
 */
export async function runVerb(verb: WorkOrder['verb'], options: VerbOptions, io: Io): Promise<void> {
  const resolved = await resolveSite(options, io)
  if (NEEDS_BUNDLE.includes(verb) && options.host && !options.bundle) throw bundleMissing(verb)
  const reader = createReader(io, {
    json: options.json === true,
    quiet: options.quiet === true,
    hosts: resolved.site.hosts.length,
    verb,
  })
  await runOnSite(verb, { resolved, reader, reach: () => reachOf(resolved, options, io) }, options, io)
}

/** A site that was resolved, how its hosts are reached, and who hears what happens. */
export interface OnSite {
  resolved: ResolvedSite
  reader: Reader
  /** Called when the bundle is there and verified. */
  reach(): Promise<Reach>
}

/** `runVerb` on a site that is known already. */
export async function runOnSite(
  verb: WorkOrder['verb'],
  { resolved, reader, reach }: OnSite,
  options: Omit<VerbOptions, keyof SiteOptions> & Pick<SiteOptions, 'executable' | 'json'>,
  io: Io,
): Promise<void> {
  const { site } = resolved
  const [{ runSite }, { executableSource }, { leftOutAtDesk }, { RateLimit }, { trustIn }] = await Promise.all([
    import('./run-site.ts'),
    import('../delivery/executable.ts'),
    import('../delivery/left-out.ts'),
    import('../delivery/rate-limit.ts'),
    import('./trusted-bundle.ts'),
  ])
  await refuseUnknownChecks([...(options.skipCheck ?? []), ...resolved.site.skipChecks])
  const composeOverrides = NEEDS_BUNDLE.includes(verb) ? await readOverrides(resolved.site.composeOverrides) : []
  const bundle = NEEDS_BUNDLE.includes(verb) ? await verifiedBundle(resolved, io, options) : undefined
  const statuses: NodeStatus[] = []
  const reports: Extract<Event, { type: 'report' }>[] = []
  try {
    const failure = await runSite({
      site: resolved.site,
      verb,
      bundle,
      leftOut: bundle && (await leftOutAtDesk(bundle)),
      trust: bundle && (await trustIn(site.bundle, bundle.manifest, site)),
      downgradeAllowed: options.allowDowngrade === true,
      executables: executableSource(bundle, options.executable),
      rate: options.limitRate === undefined ? undefined : new RateLimit(options.limitRate),
      seeding: bundle !== undefined && site.seeding && options.seeding !== false,
      reach: await reach(),
      skipChecks: options.skipCheck ?? [],
      levels: levelsOrAll(options.level),
      deleteData: options.deleteData === true,
      composeOverrides,
      showConfig: options.showConfig === true,
      onEvent(event) {
        if (event.type === 'report') reports.push(event)
        if (event.type === 'status') statuses.push(NodeStatus.parse(event.status))
        reader.take(event)
      },
      signal: io.signal,
    })
    const kept = await keepReports(reports, options.report).then(
      () => undefined,
      (error: unknown) => error,
    )
    // What went wrong on a host matters more than a report that could not be written.
    if (failure ?? kept) throw failure ?? kept
    statuses.forEach(failUnlessWell)
  } finally {
    reader.end()
    await bundle?.close()
  }
}

/** Before any host is reached. @throws MojaboxError `unknown-check` */
async function refuseUnknownChecks(ids: string[]): Promise<void> {
  if (ids.length === 0) return
  const { refuseUnknown } = await import('../../agent/preflight/run-checks.ts')
  refuseUnknown(ids)
}

function bundleMissing(verb: string): MojaboxError {
  return new MojaboxError({
    code: 'bundle-missing',
    kind: 'usage',
    message: `${verb} needs a bundle`,
    found: '--host without --bundle',
    needed: 'the bundle file',
    next: `mojabox ${verb} --host … --bundle hub.tar --trust FILE`,
  })
}

/** Verified whole before anything is sent; what was verified before and has not changed since is not read again. */
async function verifiedBundle(
  { site }: ResolvedSite,
  io: Io,
  { json, quiet }: { json?: boolean; quiet?: boolean },
): Promise<OpenBundle> {
  const { openWithBase } = await import('./open-verified.ts')
  const bundle = await openWithBase(
    resolve(site.bundle),
    site.base === undefined ? undefined : resolve(site.base),
    json || quiet ? { ...io, isTty: false, stderr: () => {} } : io,
  )
  try {
    refuseOtherContent(site, bundle.manifest)
    return bundle
  } catch (error) {
    await bundle.close()
    throw error
  }
}

async function keepReports(reports: Extract<Event, { type: 'report' }>[], path: string | undefined): Promise<void> {
  if (!path || reports.length === 0) return
  const { writeReportFiles } = await import('./write-report-files.ts')
  await writeReportFiles(
    reports.map(({ report }) => report),
    path,
  )
}

/** @throws MojaboxError `other-deployment`, `profile-unknown` */
function refuseOtherContent(site: Site, { deployment, profiles }: BundleManifest): void {
  if (deployment !== site.deployment) {
    throw new MojaboxError({
      code: 'other-deployment',
      kind: 'bundle',
      message: `this bundle is for another deployment: ${deployment}`,
      found: deployment,
      needed: site.deployment,
      next: 'name the right bundle: --bundle FILE, or `bundle` in mojabox.yaml',
    })
  }
  if (profiles.includes(site.profile)) return
  const [nearest] = nearestNames(site.profile, profiles)
  throw new MojaboxError({
    code: 'profile-unknown',
    kind: 'usage',
    message: `the bundle does not carry the profile ${site.profile}`,
    found: site.profile,
    needed: `one of ${profiles.join(', ')}`,
    next: nearest
      ? `did you mean ${nearest}? --profile ${nearest}`
      : 'mojabox bundle inspect FILE shows what it carries',
  })
}

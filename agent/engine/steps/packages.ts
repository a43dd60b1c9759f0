import { link, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ANNOTATIONS, type Digest, type OciManifest } from '../../../bundles/format/manifest.ts'
import { readSmallBlob } from '../../../bundles/format/read-artifact.ts'
import { manifestFrom } from '../../../bundles/format/read-document.ts'
import { NODE_PATHS } from '../../contract/paths.ts'
import type { Json, StepContext, StepHandler } from '../../contract/step.ts'
import { dockerAnswers } from '../../runtimes/compose.ts'
import {
  type DockerTraces,
  observeTraces,
  othersInDocker,
  removeNetwork,
  removeRest,
  stopDocker,
} from '../../runtimes/docker-traces.ts'
import { makeFolder } from '../../store/make-folder.ts'

export interface PackagesParams {
  /** Such as `debian-13`. */
  distribution: string
  /** The packages artifact's manifest; its layers are the .deb files and their `Packages` index. */
  artifact: Digest
  /** What has to be installed; what they depend on follows. */
  wanted: string[]
}

/** How long another package manager may hold dpkg's lock, milliseconds. */
const LOCK_WAIT_MS = 300_000
const LOCK_LOOK_MS = 3_000
const PURGE_LIMIT_MS = 10 * 60_000

interface Before {
  installed: string[]
  /** Names of the packages that the bundle carries; what is ours are those of them that were not installed. */
  carried: string[]
  traces: DockerTraces
}

/** Docker from the bundle's own packages: apt resolves among them and what the host has, and asks nobody else. */
export const packages: StepHandler<PackagesParams> = {
  keepsData: true,

  describe: (params) => `packages ${params.wanted.join(', ')}`,

  async isDone(context, params) {
    const installed = await installedPackages(context)
    return params.wanted.every((name) => installed.includes(name))
  },

  async before(context, params): Promise<Json> {
    const before: Before = {
      installed: await installedPackages(context),
      carried: await debNames(context, params),
      traces: await observeTraces(context.run),
    }
    return before as unknown as Json
  },

  async apply(context, params) {
    const folder = await layOut(context, params)
    await mendHalfInstalled(context)
    const options = aptOptions(folder)
    await context.run(['apt-get', ...options, 'update'], { timeoutMs: 120_000 })
    const install = ['install', '-y', '--no-install-recommends', '--no-remove', ...params.wanted]
    await context.run(['apt-get', ...options, ...install], {
      timeoutMs: 20 * 60_000,
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    })
    await rm(folder, { recursive: true, force: true })
  },

  neededBy: (context) => othersInDocker(context.run),

  async undo(context, params, before) {
    const { installed, carried, traces } = before as unknown as Before
    const now = await installedPackages(context, true)
    const purge = carried.filter((name) => !installed.includes(name) && now.includes(name))
    if (purge.length > 0) await purgePackages(context, purge, traces)
    // A Docker that answers now came from elsewhere, after ours had gone: what lies there is its own.
    if (!(await dockerAnswers(context.run))) await removeRest(context.run, traces, context.order.deleteData)
    await rm(join(NODE_PATHS.packages, params.distribution), { recursive: true, force: true })
  },
}

/** Stops Docker, takes its rules away while `iptables` is still there (it may be one of them), then the packages. */
async function purgePackages(context: StepContext, names: string[], traces: DockerTraces): Promise<void> {
  await stopDocker(context.run)
  await removeNetwork(context.run, traces)
  await mendHalfInstalled(context)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await context.run(['dpkg', '--remove', ...names], { timeoutMs: PURGE_LIMIT_MS, env })
  // Debian's docker.io leaves this to empty /var/lib/docker with when it is purged: what goes there is ours to say.
  await rm('/var/lib/docker/nuke-graph-directory.sh', { force: true })
  await context.run(['dpkg', '--purge', ...names], { timeoutMs: PURGE_LIMIT_MS, env })
}

/** The artifact's files under their own names, beside their index: a flat repository. */
async function layOut(context: StepContext, params: PackagesParams): Promise<string> {
  const folder = join(NODE_PATHS.packages, params.distribution)
  await rm(folder, { recursive: true, force: true })
  await makeFolder(join(folder, 'state', 'lists', 'partial'))
  await makeFolder(join(folder, 'cache', 'archives', 'partial'))
  const { layers } = await packagesManifest(context, params)
  for (const layer of layers) {
    const name = layer.annotations?.[ANNOTATIONS.title] ?? ''
    if (!/^(Packages(\.\w+)?|[A-Za-z0-9][A-Za-z0-9.+~_%:-]*\.deb)$/.test(name))
      throw new Error(`package file name ${JSON.stringify(name)}`)
    // It was checked when it came, maybe long ago: apt would refuse it now, and each time again.
    if (!(await context.store.isWhole(layer.digest))) {
      await context.store.remove(layer.digest)
      await context.arrivals.keep(layer.digest, layer.size)
    }
    await link(context.store.blobPath(layer.digest), join(folder, name))
  }
  await writeFile(join(folder, 'sources.list'), `deb [trusted=yes] file:${folder} ./\n`)
  return folder
}

/** apt on its own state and this one source; the host's configuration, lists and marks stay as they are. */
function aptOptions(folder: string): string[] {
  const options = {
    'Dir::Etc::sourcelist': `${folder}/sources.list`,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State': `${folder}/state`,
    'Dir::State::status': '/var/lib/dpkg/status',
    'Dir::Cache': `${folder}/cache`,
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': 'root',
    'DPkg::Lock::Timeout': String(LOCK_WAIT_MS / 1000),
    'Dpkg::Options::': '--force-confold',
  }
  return Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`])
}

/**
 * An installation that was killed half-way leaves packages that dpkg must finish before anything else. Another one may
 * still be at work (a fresh cloud host upgrades itself at boot): dpkg then says that it is locked, and is asked again.
 */
async function mendHalfInstalled(context: StepContext): Promise<void> {
  const until = performance.now() + LOCK_WAIT_MS
  for (;;) {
    const { stdout } = await context.run(['dpkg', '--audit'])
    if (stdout.trim() === '') return
    context.note('finishing a package installation that was interrupted')
    const { code, stderr } = await context.run(['dpkg', '--configure', '-a'], {
      timeoutMs: 10 * 60_000,
      okCodes: [0, 1, 2],
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    })
    // What it could not finish, apt will name.
    if (code !== 2 || !/lock/.test(stderr) || performance.now() > until) return
    await delay(LOCK_LOOK_MS, undefined, { signal: context.signal })
  }
}

async function packagesManifest(context: StepContext, params: PackagesParams): Promise<OciManifest> {
  return manifestFrom((digest) => readSmallBlob(context.store, digest), params.artifact)
}

async function debNames(context: StepContext, params: PackagesParams): Promise<string[]> {
  const { layers } = await packagesManifest(context, params)
  const titles = layers.map((layer) => layer.annotations?.[ANNOTATIONS.title] ?? '')
  return titles.filter((title) => title.endsWith('.deb')).map((title) => title.split('_')[0] ?? '')
}

/** Names of the packages that are installed; with `any`, also those that dpkg knows in another state. */
async function installedPackages(context: StepContext, any = false): Promise<string[]> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const { stdout } = await context.run(['dpkg-query', '-W', '-f', '${db:Status-Abbrev} ${Package}\n'])
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/))
  return rows.filter(([status]) => (any ? status !== 'un' : status === 'ii')).map(([, name]) => name ?? '')
}

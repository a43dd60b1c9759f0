import { MojaboxError } from '../../bundles/format/error.ts'
import type { CheckResult } from '../contract/check.ts'
import { PAGE_PORT_NAME, pagePortOf } from '../contract/page.ts'
import type { NodeBundle, RunCommand, Step } from '../contract/step.ts'
import type { WorkOrder } from '../contract/work-order.ts'
import { planAgent } from '../deployments/agent-steps.ts'
import { definitionOf, type LoadedDeployment, loadDeployment } from '../deployments/core-test-harness/load.ts'
import { planHub } from '../deployments/core-test-harness/plan.ts'
import { type Rendered, renderHub } from '../deployments/core-test-harness/render.ts'
import { requirementsOf } from '../deployments/core-test-harness/requirements.ts'
import { validationKeys } from '../deployments/core-test-harness/signers.ts'
import type { Journal } from '../engine/journal.ts'
import { collectFacts } from '../facts/collect.ts'
import { DISK_PATHS } from '../preflight/bundle-needs.ts'
import { runChecks } from '../preflight/run-checks.ts'
import { familiarName, listImages, splitReference } from '../runtimes/docker.ts'
import { heldLayers } from '../runtimes/held-layers.ts'
import { carriedImages } from '../store/image-content.ts'
import { handedOutTarBytes, wantsWhole } from '../store/layer-forms.ts'
import type { Store } from '../store/store.ts'
import { refuseLacking } from './left-out.ts'
import { type NeededBlob, neededBlobs } from './needed-blobs.ts'
import { refuseOlder } from './older-bundle.ts'
import { signersOfBundle } from './signed-bundle.ts'
import { readNodeState } from './status.ts'
import { willReadZstd } from './will-read-zstd.ts'

interface Situation {
  order: WorkOrder
  bundle: NodeBundle
  journal: Journal
  command: RunCommand
  store: Store
  deskTimeMs: () => number
}

/** Facts, checks and steps of an install: the same for `check`, `plan` and `install`. Changes nothing. */
export async function prepareInstall({ order, bundle, journal, command, store, deskTimeMs }: Situation): Promise<{
  checks: CheckResult[]
  steps: Step[]
  /** This node's install ended well before, so a run that changes nothing finds a hub that was validated. */
  settled: boolean
  /** IDs of the trusted keys that signed the bundle. */
  signedBy: string[]
  rendered: Rendered
  /** What it will take of the bundle's blobs, or has in the store already; empty where nobody has to know. */
  needed: NeededBlob[]
}> {
  const signedBy = signersOfBundle(order)
  refuseOlder(await readNodeState(), bundle.manifest, order)
  // Looking at the host waits for programs, which leaves time to read.
  const reading = definitionOf(bundle)
  // Whether it can be read is told once the looking, which never throws, has ended.
  reading.catch(() => {})
  const facts = await collectFacts({ run: command, paths: DISK_PATHS, deskTimeMs: deskTimeMs() })
  await reading
  const distribution = facts.os?.key ?? 'unknown'
  const { architecture } = facts.cpu
  const deployment = await loadDeployment(bundle, { profile: order.profile, distribution, architecture }, reading)
  const installing = journal.applied().some(({ step, kept }) => step.id === 'packages' && !kept)
  const installDocker = installing || !facts.docker?.installed
  const rendered = renderHub(order, deployment)
  const { carried, own } = splitImages(rendered, deployment, bundle)
  const running = facts.docker?.running === true
  refuseAbsent(own, await presentImages(own, running))
  const present = await presentImages(carried, running)
  const absent = carried.filter((name) => !present.includes(name))
  // Asking for each image's layers takes a while: not where nothing is to come.
  const held = await heldLayers(absent.length > 0 || order.leftOut || order.seeding ? facts.docker : null)
  const readsZstd = await willReadZstd(facts.docker, installDocker ? deployment.packages : undefined, bundle)
  const forms = { docker: facts.docker, held, readsZstd, wantsWhole: wantsWhole(order) }
  const lent = order.seeding ? await layersBytes(bundle, absent, architecture) : 0
  const needs = requirementsOf(withoutPage(order), deployment, bundle, {
    facts,
    images: carried,
    present,
    installDocker,
    installing,
    storeBytes: (await lackedBytes(store, deployment)) + lent,
    tarBytes: await handedOutTarBytes(bundle, absent, architecture, forms),
  })
  const page = {
    name: PAGE_PORT_NAME,
    port: pagePortOf(order.settings.ports),
    service: 'mojabox-agent',
    optional: true,
  }
  const checks = runChecks(facts, { ...needs, ports: [...needs.ports, page] }, order.skipChecks)
  // A host that fails a check is refused for that.
  let needed: NeededBlob[] = []
  if ((order.leftOut || order.seeding) && !checks.some(({ status }) => status === 'fail')) {
    const packages = installDocker ? (deployment.packages?.blobs ?? []) : []
    const stored = [...deployment.keptBlobs, ...packages]
    const wanted = { images: carried, architecture, stored, absent: new Set(order.leftOut?.blobs) }
    needed = await neededBlobs(bundle, wanted, forms)
    if (order.leftOut) await refuseLacking(order.leftOut, bundle, needed, store)
  }
  const steps = [
    ...planHub(order, deployment, rendered, { architecture, distribution, installDocker, carriedImages: carried }),
    ...planAgent(order, bundle.manifest, validationKeys(deployment.profile).values()),
  ]
  const settled = journal.applied().some(({ step, kept }) => step.id === 'agent' && !kept)
  return { checks, steps, settled, rendered, signedBy, needed }
}

/** The images that the bundle has to bring, and those of the site's own, which must be there. */
function splitImages({ images }: Rendered, deployment: LoadedDeployment, { manifest }: NodeBundle) {
  const inBundle = manifest.artifacts.filter(({ kind }) => kind === 'image').map(({ name }) => name)
  const offered = new Set([...deployment.images, ...inBundle])
  const all = [...new Set(images.values())]
  return { carried: all.filter((name) => offered.has(name)), own: all.filter((name) => !offered.has(name)) }
}

/** @throws MojaboxError `image-absent` */
function refuseAbsent(own: string[], present: string[]): void {
  const absent = own.filter((name) => !present.includes(name))
  const [first] = absent
  if (first === undefined) return
  throw new MojaboxError({
    code: 'image-absent',
    kind: 'check',
    message: `the site names images that are neither in the bundle nor on the host: ${absent.join(', ')}`,
    found: `no ${absent.join(', ')} in the host's Docker`,
    needed: 'images that were built or loaded there before',
    next: `docker save ${first} | ssh HOST docker load   (or docker build on the host), then run the same command again`,
  })
}

/** The page is the agent's: a deployment does not know its port. */
function withoutPage(order: WorkOrder): WorkOrder {
  const { [PAGE_PORT_NAME]: _, ...ports } = order.settings.ports
  return { ...order, settings: { ...order.settings, ports } }
}

async function presentImages(names: string[], running: boolean): Promise<string[]> {
  const there = running ? await listImages().catch(() => []) : []
  const tags = new Set(there.flatMap((image) => image.tags))
  return names.filter((name) => {
    const { repository, tag } = splitReference(name)
    return tags.has(familiarName(`${repository}:${tag}`))
  })
}

/** Of the images that will be brought, as they travel: so they lie in the store until no other host wants them. */
async function layersBytes(bundle: NodeBundle, brought: string[], architecture: string): Promise<number> {
  // Of a bundle for other processors a check tells.
  const carried = await carriedImages({ bundle }, brought, architecture).catch(() => [])
  const sizes = new Map(carried.flatMap(({ blobs }) => blobs.map(({ digest, size }) => [digest, size])))
  return [...sizes.values()].reduce((sum, size) => sum + size, 0)
}

async function lackedBytes(store: Store, { keptBlobs, packages }: LoadedDeployment): Promise<number> {
  const blobs = [...keptBlobs, ...(packages?.blobs ?? [])]
  const there = await Promise.all(blobs.map((blob) => store.sizeOf(blob.digest)))
  return blobs.reduce((sum, blob, index) => sum + (there[index] === undefined ? blob.sizeBytes : 0), 0)
}

import { cachePath } from './cache.ts'
import { ensureDocker } from './docker.ts'
import { ensureImage, type LabImage } from './image.ts'
import { baseImage } from './ledger/base-image.ts'
import { centralLedgerImage } from './ledger/central-ledger-image.ts'
import { mysqlImage, redisImage } from './ledger/debian-images.ts'
import { kafkaImage } from './ledger/kafka-image.ts'
import { nodeRuntimeImage } from './ledger/node-runtime-image.ts'
import { ledgerImages } from './ledger-images.ts'
import { withLock } from './lock.ts'
import { ensureNetwork, labNetwork } from './network.ts'
import { nodeImage, nodeSuites } from './node-image.ts'
import { ensurePackages } from './packages.ts'
import { succeeds } from './process.ts'
import { ensureRegistry, ensureServed, labRegistry, type Registry } from './registry.ts'
import { sdkSchemeAdapterImage } from './sdk-scheme-adapter-image.ts'
import { createStageRunner, type Log, type StageRunner } from './stages.ts'
import { standInsImage } from './stand-ins-image.ts'

export interface Lab {
  registry: Registry
  network: typeof labNetwork
}

export interface SetUpOptions {
  log?: Log
}

/** What the lab calls on this machine, Docker apart. */
const packages = ['docker-registry', 'e2fsprogs', 'iproute2', 'iptables', 'mmdebstrap', 'openssh-client', 'util-linux']

/**
 * Makes the lab ready: Docker, the images of hosts and of the ledger stack, the nodes' network, and a registry that
 * serves the ledger images under their upstream names. What is there and current is left alone (2 to 3 minutes the
 * first time, about a second later). Needs root. May be called from several processes at once.
 *
 * @throws Error of the first stage that failed, once all that had begun have ended.
 */
export async function setUpLab({ log = () => {} }: SetUpOptions = {}): Promise<Lab> {
  await withLock(cachePath('set-up.lock'), async () => {
    const runner = createStageRunner(log)
    const { dockerReady, packagesReady, imagesReady } = stageImages(runner)
    runner.stage('network', [dockerReady], ensureNetwork)
    const registryReady = runner.stage('registry', [packagesReady], ensureRegistry)
    for (const served of ledgerImages) {
      const imageReady = imagesReady.get(served.image) ?? Promise.resolve()
      runner.stage(`served ${served.repository}:${served.tag}`, [imageReady, registryReady], () => ensureServed(served))
    }
    await runner.finish()
  })
  return { registry: labRegistry, network: labNetwork }
}

/** Makes the images alone, without a registry or a network. */
export async function makeImages({ log = () => {} }: SetUpOptions = {}): Promise<void> {
  await withLock(cachePath('set-up.lock'), async () => {
    const runner = createStageRunner(log)
    stageImages(runner)
    await runner.finish()
  })
}

interface ImageStages {
  dockerReady: Promise<void>
  packagesReady: Promise<void>
  imagesReady: ReadonlyMap<LabImage, Promise<void>>
}

/** Ordered for the longest chain, base, runtime and central-ledger, to be held up least: the first in line gets a slot. */
function stageImages(runner: StageRunner): ImageStages {
  const dockerReady = runner.stage('docker', [], ensureDocker)
  // After Docker, since both may have to install packages and apt lets one do so at a time.
  const packagesReady = runner.stage('packages', [dockerReady], ensureLabPackages)

  const imagesReady = new Map<LabImage, Promise<void>>()
  const imageStage = (image: LabImage, after: Promise<void>): Promise<void> => {
    const ready = runner.stage(image.tag, [after], () => ensureImage(image))
    imagesReady.set(image, ready)
    return ready
  }
  const baseReady = imageStage(baseImage, packagesReady)
  const runtimeReady = imageStage(nodeRuntimeImage, baseReady)
  imageStage(centralLedgerImage, runtimeReady)
  imageStage(standInsImage, runtimeReady)
  imageStage(sdkSchemeAdapterImage, runtimeReady)
  for (const image of [kafkaImage, mysqlImage, redisImage]) imageStage(image, baseReady)
  for (const suite of nodeSuites) imageStage(nodeImage(suite), baseReady)
  return { dockerReady, packagesReady, imagesReady }
}

/** Maven, for Kafka, may be there from elsewhere than Debian, so it is looked for by command. */
async function ensureLabPackages(): Promise<void> {
  const hasMaven = await succeeds(['mvn', '--version'])
  await ensurePackages(hasMaven ? packages : [...packages, 'maven'])
}

import type { Step } from '../../contract/step.ts'
import type { WorkOrder } from '../../contract/work-order.ts'
import type { StepKind } from '../../engine/steps/registry.ts'
import type { LoadedDeployment } from './load.ts'
import { FOLDER, portOf, type Rendered } from './render.ts'
import { validationKeys } from './signers.ts'

const WAIT_SECONDS = 600

export interface HostSituation {
  architecture: string
  distribution: string
  /** Docker has to come (or came) from the bundle. */
  installDocker: boolean
  /** The images that come from the bundle, each once. */
  carriedImages: string[]
}

/** The guide a person would write: from Docker to a hub that is provisioned. Pure: same input, same steps. */
export function planHub(
  order: WorkOrder,
  deployment: LoadedDeployment,
  rendered: Rendered,
  host: HostSituation,
): Step[] {
  const { profile, packages } = deployment
  const step = <P>(id: string, kind: StepKind, params: P): Step => ({ id, kind, params })
  const stored = [...deployment.keptBlobs, ...(host.installDocker ? (packages?.blobs ?? []) : [])]
  const blobs = [...new Map(stored.map(({ digest, sizeBytes }) => [digest, { digest, sizeBytes }])).values()]
  const jobs = profile.jobs
  const lasting = (names: string[]) => names.filter((name) => !jobs.includes(name))
  return [
    step('store', 'store', { title: 'files of the bundle in the store', blobs }),
    ...(host.installDocker && packages
      ? [
          step('packages', 'packages', {
            distribution: host.distribution,
            artifact: packages.artifact.descriptor.digest,
            wanted: packages.install,
          }),
        ]
      : []),
    step('docker', 'unit', { unit: 'docker.service', title: 'Docker running' }),
    step('images', 'images', { names: host.carriedImages, architecture: host.architecture }),
    ...secrets(deployment, rendered),
    ...files(deployment, rendered),
    ...[...deployment.folders].map(([name, folder]) =>
      step(`folder-${name}`, 'folder', { path: `${FOLDER}/${name}`, ...folder }),
    ),
    ...(profile.backing.length > 0
      ? [
          step('backing-services', 'compose', {
            title: `services ${lasting(profile.backing).join(', ')}`,
            folder: FOLDER,
            services: lasting(profile.backing),
            jobs: [],
            waitSeconds: WAIT_SECONDS,
          }),
        ]
      : []),
    ...(profile.kafka
      ? [step('topics', 'topics', { brokers: brokersOf(order, deployment), topics: profile.topics })]
      : []),
    step('services', 'compose', {
      title: `services ${rendered.services.filter((name) => !profile.backing.includes(name)).join(', ')}`,
      folder: FOLDER,
      services: rendered.services,
      jobs,
      alone: true,
      waitSeconds: WAIT_SECONDS,
    }),
    ...provisioning(order, deployment),
  ]
}

/** What is made on the node and never leaves it: of all that the definition has, what the profile's files and its validation read. */
function secrets({ definition, profile }: LoadedDeployment, rendered: Rendered): Step[] {
  const { certificates } = definition
  const read = new Set([...rendered.secrets, ...validationKeys(profile).values()])
  const isRead = (name: string) => read.has(name)
  const issued = Object.entries(certificates).filter(([name, { issuer }]) => issuer && isRead(`${name}-certificate`))
  const authorities = Object.keys(certificates).filter(
    (name) => isRead(`${name}-certificate`) || issued.some(([, { issuer }]) => issuer === name),
  )
  const step = <P>(kind: StepKind, params: P & { name: string }): Step => ({
    id: `${kind}-${params.name}`,
    kind,
    params,
  })
  return [
    ...Object.entries(definition.secrets)
      .filter(([name]) => isRead(name))
      .map(([name, { bytes }]) => step('secret', { name, bytes })),
    ...definition.keyPairs
      .filter((name) => isRead(`${name}-key`) || isRead(`${name}-public`))
      .map((name) => step('key-pair', { name })),
    ...authorities
      .filter((name) => certificates[name]?.issuer === undefined)
      .map((name) => step('certificate', { name, hosts: [] })),
    ...issued.map(([name, { issuer, hosts }]) => step('certificate', { name, issuer, hosts })),
  ]
}

function provisioning(order: WorkOrder, deployment: LoadedDeployment): Step[] {
  const { ledger, provisioning } = deployment.profile
  if (!ledger || !provisioning) return []
  const { currency } = order.settings
  const url = `http://127.0.0.1:${portOf(order, deployment, ledger.port)}`
  const brokers = brokersOf(order, deployment)
  const step = <P>(id: string, kind: StepKind, params: P): Step => ({ id, kind, params })
  return [
    step('hub-accounts', 'hub-accounts', { url, currency, accounts: provisioning.hubAccounts }),
    step('settlement-model', 'settlement-model', { url, currency, model: provisioning.settlementModel }),
    ...provisioning.participants.map((participant) =>
      step(`participant-${participant.name}`, 'participant', {
        url,
        currency,
        ...participant,
        fundsIn: { brokers, ...provisioning.fundsIn },
      }),
    ),
  ]
}

function brokersOf(order: WorkOrder, deployment: LoadedDeployment): string[] {
  return [`127.0.0.1:${portOf(order, deployment, deployment.definition.kafka.port)}`]
}

function files({ definitionText }: LoadedDeployment, { composeText, configs }: Rendered): Step[] {
  const fileStep = (path: string, content: string, mode = 0o644, uid = 0): Step => ({
    id: `file-${path}`,
    kind: 'file' satisfies StepKind,
    params: { path: `${FOLDER}/${path}`, content, mode, uid, gid: uid, title: `file ${path}` },
  })
  return [
    fileStep('deployment.yaml', definitionText),
    fileStep('compose.yaml', composeText),
    ...configs.map(({ path, content, mode, uid }) => fileStep(path, content, mode, uid)),
  ]
}

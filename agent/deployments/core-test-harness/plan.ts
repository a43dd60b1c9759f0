import { createHash } from 'node:crypto'
import { NODE_PATHS } from '../../contract/paths.ts'
import type { Step } from '../../contract/step.ts'
import type { WorkOrder } from '../../contract/work-order.ts'
import type { StepKind } from '../../engine/steps/registry.ts'
import type { LoadedDeployment } from './load.ts'

/** Where the deployment's files lie on the node. */
export const FOLDER = `${NODE_PATHS.deployments}/core-test-harness`
const WAIT_SECONDS = 600

export interface HostSituation {
  architecture: string
  distribution: string
  /** Docker has to come (or came) from the bundle. */
  installDocker: boolean
}

/** The guide a person would write: from Docker to a hub that is provisioned. Pure: same input, same steps. */
export function planHub(order: WorkOrder, deployment: LoadedDeployment, host: HostSituation): Step[] {
  const { definition, profile, packages } = deployment
  const step = <P>(id: string, kind: StepKind, params: P): Step => ({ id, kind, params })
  const stored = [...deployment.keptBlobs, ...(host.installDocker ? (packages?.blobs ?? []) : [])]
  const blobs = [...new Map(stored.map(({ digest, sizeBytes }) => [digest, { digest, sizeBytes }])).values()]
  const brokers = [`127.0.0.1:${portOf(order, deployment, profile.kafka.port)}`]
  const url = `http://127.0.0.1:${portOf(order, deployment, profile.ledger.port)}`
  const { currency } = order.settings
  const { provisioning } = profile
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
    step('images', 'images', { names: deployment.images, architecture: host.architecture }),
    ...Object.entries(definition.secrets).map(([name, { bytes }]) => step(`secret-${name}`, 'secret', { name, bytes })),
    ...files(order, deployment),
    step('backing-services', 'compose', {
      title: `services ${lasting(profile.backing).join(', ')}`,
      folder: FOLDER,
      services: lasting(profile.backing),
      jobs: [],
      waitSeconds: WAIT_SECONDS,
    }),
    step('topics', 'topics', { brokers, topics: profile.topics }),
    step('services', 'compose', {
      title: `services ${lasting(profile.services)
        .filter((name) => !profile.backing.includes(name))
        .join(', ')}`,
      folder: FOLDER,
      services: lasting(profile.services),
      jobs,
      waitSeconds: WAIT_SECONDS,
    }),
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

/** The loopback port of that name: the site's, else the deployment's own. */
export function portOf(
  order: Pick<WorkOrder, 'settings'>,
  { definition }: Pick<LoadedDeployment, 'definition'>,
  name: string,
): number {
  return order.settings.ports[name] ?? definition.ports[name]?.default ?? 0
}

function files(order: WorkOrder, deployment: LoadedDeployment): Step[] {
  const { definition, profile, composeText, configTexts, definitionText } = deployment
  const configs = definition.configs.flatMap((config) => {
    const content = configTexts.get(config.file)?.replaceAll('{{currency}}', order.settings.currency)
    return content === undefined ? [] : [{ ...config, content }]
  })
  const fingerprint = createHash('sha256').update(JSON.stringify(configs)).digest('hex').slice(0, 16)
  const variables = {
    COMPOSE_PROJECT_NAME: 'mojabox',
    COMPOSE_PROFILES: order.profile,
    MOJABOX_DIR: FOLDER,
    MOJABOX_SECRETS: NODE_PATHS.secrets,
    MOJABOX_CONFIG: fingerprint,
    ...Object.fromEntries(
      Object.entries(definition.ports)
        .filter(([, port]) => profile.services.includes(port.service))
        .map(([name, port]) => [port.variable, portOf(order, deployment, name)]),
    ),
  }
  const environment = Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
  const fileStep = (path: string, content: string, mode = 0o644, uid = 0): Step => ({
    id: `file-${path}`,
    kind: 'file' satisfies StepKind,
    params: { path: `${FOLDER}/${path}`, content, mode, uid, gid: uid, title: `file ${path}` },
  })
  return [
    fileStep('deployment.yaml', definitionText),
    fileStep('compose.yaml', composeText),
    fileStep('.env', environment),
    ...configs.map((config) => fileStep(config.path, config.content, Number.parseInt(config.mode, 8), config.uid)),
  ]
}

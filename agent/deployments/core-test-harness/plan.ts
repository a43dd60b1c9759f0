import { createHash } from 'node:crypto'
import { stringify } from 'yaml'
import { NODE_PATHS } from '../../contract/paths.ts'
import type { Step } from '../../contract/step.ts'
import type { WorkOrder } from '../../contract/work-order.ts'
import type { StepKind } from '../../engine/steps/registry.ts'
import { composeLayers } from './compose-file.ts'
import { mergeLayers } from './layers.ts'
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
      title: `services ${lasting(profile.services)
        .filter((name) => !profile.backing.includes(name))
        .join(', ')}`,
      folder: FOLDER,
      services: lasting(profile.services),
      jobs,
      waitSeconds: WAIT_SECONDS,
    }),
    ...provisioning(order, deployment),
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

/** The loopback port of that name: the site's, else the deployment's own; undefined where it is not published. */
export function portOf(
  order: Pick<WorkOrder, 'settings'>,
  { definition }: Pick<LoadedDeployment, 'definition'>,
  name: string,
): number | undefined {
  return order.settings.ports[name] ?? definition.ports[name]?.default
}

/** The ports that this profile publishes, by name. */
export function publishedPorts(order: Pick<WorkOrder, 'settings'>, deployment: LoadedDeployment): Map<string, number> {
  const { definition, profile } = deployment
  const published = Object.entries(definition.ports).flatMap(([name, { service }]): [string, number][] => {
    const port = profile.services.includes(service) ? portOf(order, deployment, name) : undefined
    return port === undefined ? [] : [[name, port]]
  })
  return new Map(published)
}

function files(order: WorkOrder, deployment: LoadedDeployment): Step[] {
  const { definition, profile, configTexts, definitionText } = deployment
  const { currency } = order.settings
  const configs = definition.configs.flatMap((config) => {
    const content = configTexts.get(config.file)?.replaceAll('{{currency}}', currency)
    return content === undefined ? [] : [{ ...config, content }]
  })
  const layers = composeLayers({
    definition,
    profile,
    currency,
    ports: publishedPorts(order, deployment),
    folder: FOLDER,
    secretsFolder: NODE_PATHS.secrets,
    configDigests: new Map(configs.map(({ path, content }) => [path, fingerprint(content)])),
  })
  const composeText = `${HEAD}${stringify(mergeLayers(layers).tree, { aliasDuplicateObjects: false, lineWidth: 0 })}`
  const fileStep = (path: string, content: string, mode = 0o644, uid = 0): Step => ({
    id: `file-${path}`,
    kind: 'file' satisfies StepKind,
    params: { path: `${FOLDER}/${path}`, content, mode, uid, gid: uid, title: `file ${path}` },
  })
  return [
    fileStep('deployment.yaml', definitionText),
    fileStep('compose.yaml', composeText),
    ...configs.map((config) => fileStep(config.path, config.content, Number.parseInt(config.mode, 8), config.uid)),
  ]
}

const HEAD = `# Made by mojabox for one profile, from the bundle and the site; the next install writes it anew.
# \`docker compose\` works in this folder.
`

function fingerprint(content: string): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16)
}

import { MojaboxError } from '../../../bundles/format/error.ts'
import type { Artifact } from '../../../bundles/format/manifest.ts'
import type { Facts } from '../../contract/facts.ts'
import type { NodeBundle } from '../../contract/step.ts'
import type { WorkOrder } from '../../contract/work-order.ts'
import { bundleNeeds } from '../../preflight/bundle-needs.ts'
import { DEFAULT_REQUIREMENTS, type Requirements } from '../../preflight/requirements.ts'
import { CALLBACKS_PORT_NAME } from './definition.ts'
import type { LoadedDeployment } from './load.ts'
import { publishedPorts } from './render.ts'

export interface HostNow {
  facts: Facts
  /** The images that come from the bundle. */
  images: string[]
  /** Image names Docker has there, in their full form. */
  present: string[]
  installDocker: boolean
  /** Our own installation of Docker has begun. */
  installing: boolean
  /** What the store still has to take in. */
  storeBytes: number
  /** Of layers that Docker is handed as tars. */
  tarBytes: number
}

/** What this profile of this bundle asks of a host. */
export function requirementsOf(
  order: WorkOrder,
  deployment: LoadedDeployment,
  bundle: NodeBundle,
  host: HostNow,
): Requirements {
  const { definition, profile } = deployment
  const { images } = host
  const { manifest } = bundle
  refuseUnknownPorts(order, [...Object.keys(definition.ports), CALLBACKS_PORT_NAME])
  const architectures = architecturesOf(manifest.artifacts, images)
  const { architecture } = host.facts.cpu
  return {
    ...DEFAULT_REQUIREMENTS,
    architectures,
    cores: profile.needs.cores,
    memoryBytes: profile.needs.memoryBytes,
    // Of a bundle for other processors only that can be said.
    disk: architectures.includes(architecture) ? diskOf(deployment, bundle, host) : [],
    ports: [...publishedPorts(order, deployment)].map(([name, port]) => ({
      name,
      port,
      service: definition.ports[name]?.service ?? name,
    })),
    distributions: manifest.artifacts
      .filter(({ kind, platform }) => kind === 'packages' && platform?.architecture === architecture)
      .map(({ name }) => name),
    docker: { ...DEFAULT_REQUIREMENTS.docker, installing: host.installing },
    loopbackHosts: [...DEFAULT_REQUIREMENTS.loopbackHosts, ...profile.services],
  }
}

function diskOf({ profile }: LoadedDeployment, { manifest }: NodeBundle, host: HostNow): Requirements['disk'] {
  return bundleNeeds({
    manifest,
    images: host.images,
    present: host.present,
    architecture: host.facts.cpu.architecture,
    docker: host.facts.docker,
    distribution: host.installDocker ? host.facts.os?.key : undefined,
    dataBytes: profile.needs.dataBytes,
    storeBytes: host.storeBytes,
    tarBytes: host.tarBytes,
  })
}

/** Those for which the bundle has every image of the profile; an image without a platform is an index for several. */
function architecturesOf(artifacts: Artifact[], images: string[]): string[] {
  const carried = artifacts.filter(({ kind }) => kind === 'image')
  return DEFAULT_REQUIREMENTS.architectures.filter((architecture) =>
    images.every((image) =>
      carried.some(({ name, platform }) => name === image && (platform?.architecture ?? architecture) === architecture),
    ),
  )
}

/** @throws MojaboxError `port-unknown`: the hub would listen elsewhere than the operator thinks */
function refuseUnknownPorts({ settings }: WorkOrder, known: string[]): void {
  const unknown = Object.keys(settings.ports).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new MojaboxError({
    code: 'port-unknown',
    kind: 'usage',
    message: `settings.ports names a port that this deployment does not have: ${unknown}`,
    found: unknown,
    needed: `one of ${known.join(', ')}`,
    next: 'correct settings.ports in mojabox.yaml, then run the same command again',
  })
}

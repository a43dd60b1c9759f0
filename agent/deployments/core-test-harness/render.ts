import { createHash } from 'node:crypto'
import { stringify } from 'yaml'
import { MojaboxError } from '../../../bundles/format/error.ts'
import { NODE_PATHS } from '../../contract/paths.ts'
import type { WorkOrder } from '../../contract/work-order.ts'
import { composeLayers, filledText } from './compose-file.ts'
import { isTree, type Merged, mergeLayers, type Tree } from './layers.ts'
import type { LoadedDeployment } from './load.ts'
import { configsOf } from './profile.ts'
import { scrapeConfigs } from './scrape.ts'
import { siteLayers } from './site-layers.ts'

/** Where the deployment's files lie on the node. */
export const FOLDER = `${NODE_PATHS.deployments}/core-test-harness`

/** The project as it will be on the node. */
export interface Rendered extends Merged {
  /** compose.yaml. */
  composeText: string
  /** Files that services read, secrets still as `{{secret:NAME}}`. */
  configs: { path: string; content: string; services: string[]; mode: number; uid: number }[]
  /** Every service that lasts: the profile's, then the site's own. */
  services: string[]
  /** The secrets that they read, by name. */
  secrets: string[]
  /** Image of each service, by service. */
  images: Map<string, string>
}

type Wishes = Pick<WorkOrder, 'settings' | 'composeOverrides'>

/**
 * The Compose file and the files that its services read: what the bundle has, what the profile makes of it, and what
 * the site lays over both. Pure: same input, same text.
 * @throws MojaboxError kind usage: `service-unknown`, `variable-unknown`, `port-twice`, `image-not-given`
 */
export function renderHub(order: Wishes, deployment: LoadedDeployment): Rendered {
  const { definition, profile, configTexts } = deployment
  const { currency } = order.settings
  const ports = publishedPorts(order, deployment)
  const scrape = JSON.stringify(scrapeConfigs(definition, profile))
  const configs = configsOf(definition, profile).flatMap(({ file, path, services, mode, uid }) => {
    const text = configTexts.get(file)
    const content = text && filledText(text, currency, ports).replaceAll('"{{scrape}}"', scrape)
    return content === undefined ? [] : [{ path, content, services, mode: Number.parseInt(mode, 8), uid }]
  })
  const layers = composeLayers({
    definition,
    profile,
    currency,
    ports,
    folder: FOLDER,
    secretsFolder: NODE_PATHS.secrets,
    configDigests: new Map(configs.map(({ path, content }) => [path, fingerprint(content)])),
  })
  const merged = mergeLayers([...layers, ...siteLayers(order, definition, profile)])
  const bodies = Object.entries(merged.tree.services as Record<string, Tree>)
  refusePortTwice(bodies)
  refuseWithoutImage(bodies, profile.name)
  return {
    ...merged,
    composeText: `${HEAD}${stringify(merged.tree, { aliasDuplicateObjects: false, lineWidth: 0 })}`,
    configs,
    services: [
      ...profile.services,
      ...bodies.map(([name]) => name).filter((name) => !profile.services.includes(name)),
    ].filter((name) => !profile.jobs.includes(name) && !profile.onDemand.includes(name)),
    secrets: secretsOf(merged.tree, configs),
    images: new Map(bodies.map(([name, { image }]) => [name, String(image)])),
  }
}

const HEAD = `# Made by mojabox for one profile, from the bundle and the site; the next install writes it anew.
# \`docker compose\` works in this folder.
`

/** The loopback port of that name: the site's, else the deployment's own; undefined where it is not published. */
export function portOf(
  order: Pick<WorkOrder, 'settings'>,
  { definition }: Pick<LoadedDeployment, 'definition'>,
  name: string,
): number | undefined {
  return order.settings.ports[name] ?? definition.ports[name]?.default
}

/** The ports that this profile publishes, by name. */
export function publishedPorts(
  order: Pick<WorkOrder, 'settings'>,
  deployment: Pick<LoadedDeployment, 'definition' | 'profile'>,
): Map<string, number> {
  const { definition, profile } = deployment
  const published = Object.entries(definition.ports).flatMap(([name, { service }]): [string, number][] => {
    // Several containers cannot listen at one place.
    const one = profile.services.includes(service) && profile.replicas[service] === undefined
    const port = one ? portOf(order, deployment, name) : undefined
    return port === undefined ? [] : [[name, port]]
  })
  return new Map(published)
}

/** Those that Compose mounts, and those that are written into files. */
function secretsOf({ secrets }: Tree, configs: { content: string }[]): string[] {
  const written = configs.flatMap(({ content }) => [...content.matchAll(/\{\{secret:([a-z0-9-]+)\}\}/g)])
  return [...new Set([...Object.keys(isTree(secrets) ? secrets : {}), ...written.map(([, name = '']) => name)])]
}

/** @throws MojaboxError `image-not-given`, with every service whose image nobody publishes and the site does not name */
function refuseWithoutImage(bodies: [string, Tree][], profile: string): void {
  const without = bodies.filter(([, { image }]) => image === undefined).map(([name]) => name)
  if (without.length === 0) return
  throw new MojaboxError({
    code: 'image-not-given',
    kind: 'usage',
    message: `the profile ${profile} has services whose images are published nowhere: ${without.join(', ')}`,
    found: `no image for ${without.join(', ')}`,
    needed: 'an image for each, built by the site and loaded into the host’s Docker',
    next: `name them in mojabox.yaml: ${without.map((name) => `settings.services.${name}.image`).join(', ')}`,
  })
}

/** @throws MojaboxError `port-twice` when two services would be published at one place */
function refusePortTwice(bodies: [string, Tree][]): void {
  const holders = new Map<string, string>()
  for (const [service, { ports }] of bodies) {
    for (const entry of Array.isArray(ports) ? ports : []) {
      const port = hostPort(entry)
      const holder = port === undefined ? undefined : holders.get(port)
      if (port !== undefined && holder !== undefined && holder !== service) throw portTwice(port, holder, service)
      if (port !== undefined) holders.set(port, service)
    }
  }
}

/** The host's side of `127.0.0.1:3001:3001`, `8080:80`, or the long form. */
function hostPort(entry: unknown): string | undefined {
  if (isTree(entry)) return entry.published === undefined ? undefined : String(entry.published)
  const parts = String(entry)
    .replace(/\/(tcp|udp)$/, '')
    .split(':')
  return parts.length > 1 ? parts.at(-2) : undefined
}

function portTwice(port: string, holder: string, service: string): MojaboxError {
  return new MojaboxError({
    code: 'port-twice',
    kind: 'usage',
    message: `two services on one port: ${holder} and ${service} are both to be published on ${port}`,
    found: `${holder} and ${service} on ${port}`,
    needed: 'a port of its own for each',
    next: `give one of them another port: settings.ports in mojabox.yaml, or \`ports\` in your Compose file`,
  })
}

function fingerprint(content: string): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16)
}

import type { Definition } from './definition.ts'
import { isTree, type Layer, type Tree } from './layers.ts'
import { configsOf, type Profile } from './profile.ts'
import type { Service } from './service.ts'

export interface ComposeInput {
  definition: Definition
  profile: Profile
  currency: string
  /** Loopback ports to publish, by the definition's names; those left out are not published. */
  ports: ReadonlyMap<string, number>
  /** Where the deployment's files lie on the node. */
  folder: string
  /** Where the generated secrets lie on the node, a file each. */
  secretsFolder: string
  /** A digest over each rendered file, by its path: a changed one makes Compose recreate who reads it. */
  configDigests: ReadonlyMap<string, string>
}

/**
 * The profile's Compose file, in two layers: what the bundle has for each service, and what the profile makes of it.
 * Pure. Every `$` is escaped: nothing in it is for Compose to fill in.
 */
export function composeLayers(input: ComposeInput): Layer[] {
  const own = Object.fromEntries(bodies(input).map(([name, service]) => [name, filled(service.compose, input)]))
  const added = Object.fromEntries(bodies(input).map(([name, service]) => [name, additions(input, name, service)]))
  const names = (list: unknown) => (Array.isArray(list) ? list.filter((entry) => typeof entry === 'string') : [])
  const volumes = Object.values(own).flatMap(({ volumes: of }) => names(of).map((entry) => entry.split(':')[0] ?? ''))
  const secrets = Object.values(own).flatMap(({ secrets: of }) => names(of))
  const project: Tree = {
    name: 'mojabox',
    services: added,
    networks: { default: { name: 'mojabox' } },
    volumes: Object.fromEntries(volumes.filter((name) => /^[a-z]/.test(name)).map((name) => [name, {}])),
    secrets: Object.fromEntries(secrets.map((name) => [name, { file: `${input.secretsFolder}/${name}` }])),
  }
  return [
    { origin: 'upstream', tree: escaped({ services: own }) },
    { origin: 'profile', tree: escaped(project) },
  ]
}

function bodies({ definition, profile }: ComposeInput): [string, Service][] {
  return profile.services.map((name) => [name, definition.services[name] as Service])
}

/** What a service gets by being in this profile. */
function additions(input: ComposeInput, name: string, service: Service): Tree {
  const { definition, profile, ports, folder, configDigests } = input
  const published = Object.entries(definition.ports).flatMap(([port, { service: of, container }]) =>
    of === name && ports.has(port) ? [`127.0.0.1:${ports.get(port)}:${container}`] : [],
  )
  const configs = configsOf(definition, profile).filter(({ services }) => services.includes(name))
  const needs = profile.waitsFor[name] ?? []
  const replicas = profile.replicas[name]
  const digest = configs.map(({ path }) => configDigests.get(path)).join(' ')
  return {
    ...definition.every,
    restart: service.job ? 'no' : 'unless-stopped',
    // All under one name, so that one that is asked for brings along those it needs.
    ...(service.onDemand && { profiles: ['on-demand'] }),
    ...(replicas && { deploy: { replicas } }),
    ...(needs.length > 0 && {
      depends_on: Object.fromEntries(needs.map((need) => [need, condition(definition, need)])),
    }),
    ...(published.length > 0 && { ports: published }),
    ...(configs.length > 0 && {
      labels: { 'org.mojabox.config': digest },
      volumes: configs.map(({ path, target }) => ({
        type: 'bind',
        source: `${folder}/${path}`,
        target,
        read_only: true,
        bind: { create_host_path: false },
      })),
    }),
    ...(hasHealthCheck(service) && { healthcheck: healthcheck(definition, service) }),
  }
}

function condition(definition: Definition, need: string): Tree {
  const service = definition.services[need] as Service
  if (service.job) return { condition: 'service_completed_successfully' }
  return { condition: hasHealthCheck(service) ? 'service_healthy' : 'service_started' }
}

function hasHealthCheck({ health, compose, job }: Service): boolean {
  return !job && (health !== undefined || isTree(compose.healthcheck))
}

/** Asks where the service itself says how it is, unless the bundle has a question of its own. */
function healthcheck({ healthcheck: usual, probe }: Definition, { health, compose }: Service): Tree {
  const own = isTree(compose.healthcheck) ? compose.healthcheck : {}
  const question = Array.isArray(own.test)
    ? own.test.slice(1)
    : ['wget', '-q', '-O', '/dev/null', `http://127.0.0.1:${health?.port}${health?.path}`]
  return { ...usual, ...own, test: ['CMD', 'sh', '-c', probe, 'probe', ...question] }
}

function filled(body: Tree, { currency, ports }: ComposeInput): Tree {
  return everyText(body, (value) => filledText(value, currency, ports)) as Tree
}

/** With the site's values in place. */
export function filledText(text: string, currency: string, ports: ReadonlyMap<string, number>): string {
  return text
    .replaceAll('{{currency}}', currency)
    .replace(/\{\{port:([a-z0-9-]+)\}\}/g, (_, name: string) => String(ports.get(name) ?? 0))
}

function escaped(tree: Tree): Tree {
  return everyText(tree, (value) => value.replaceAll('$', '$$$$')) as Tree
}

function everyText(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((entry) => everyText(entry, change))
  if (!isTree(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, everyText(entry, change)]))
}

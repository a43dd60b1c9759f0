import { MojaboxError } from '../../../bundles/format/error.ts'
import { nearestNames } from '../../../bundles/format/nearest.ts'
import {
  type Database,
  type Definition,
  FSPIOP_SERVICES,
  type Fspiop,
  type Provisioning,
  type Reached,
} from './definition.ts'
import type { Service } from './service.ts'

/** A group that must have a member from `service` on every partition of `topic`. */
export interface ConsumerGroup {
  group: string
  topic: string
  service: string
}

/** A service's own health endpoint, at its address on the Compose network. */
export interface HealthEndpoint {
  service: string
  port: number
  path: string
}

interface Threshold {
  fail: number
  warn: number
}

/** What a profile amounts to: its services with all that they need, and what follows from these. */
export interface Profile {
  name: string
  title: string
  /** Every service, each after those that it needs. */
  services: string[]
  /** Of `services`: those that must be well before topics are made and the rest is started. */
  backing: string[]
  /** Of `services`: those that run once and end. */
  jobs: string[]
  /** Of `services`: those that run when they are asked for, and at no other time. */
  onDemand: string[]
  /** What each of `services` waits for. */
  waitsFor: Record<string, string[]>
  /** Containers by service, where more than one. */
  replicas: Record<string, number>
  needs: { cores: Threshold; memoryBytes: Threshold; dataBytes: number }
  /** Undefined where the profile has none; so with the following. */
  kafka: Reached | undefined
  ledger: Reached | undefined
  databases: Database[]
  /** Partitions by topic. */
  topics: Record<string, number>
  consumerGroups: ConsumerGroup[]
  health: HealthEndpoint[]
  provisioning: Provisioning | undefined
  fspiop: Fspiop | undefined
}

/** @throws MojaboxError `profile-unknown` */
export function profileOf(definition: Definition, name: string): Profile {
  const choice = choiceOf(definition, name)
  const { services: entries, instead, replicas } = wholeChoice(definition, name)
  const replaced = (service: string) => instead[service] ?? [service]
  const needsOf = (service: string) => serviceOf(definition, service).needs.flatMap(replaced)
  const names = closure(entries.flatMap(replaced), needsOf)
  const services = names.map((service) => ({
    name: service,
    replicas: replicas[service] ?? 1,
    ...serviceOf(definition, service),
  }))
  const has = (service: string) => names.includes(service)
  const only = (wanted: (service: Service) => boolean) => services.filter(wanted).map((service) => service.name)
  const lasting = services.filter(({ onDemand }) => !onDemand)
  const ledger = has(definition.ledger.service) ? definition.ledger : undefined
  const memoryBytes =
    definition.hostMemoryBytes + sum(services.map((service) => service.replicas * service.memoryBytes))
  return {
    name,
    title: choice.title,
    services: names,
    backing: only(({ backing }) => backing),
    jobs: only(({ job, onDemand }) => job && !onDemand),
    onDemand: only(({ onDemand }) => onDemand),
    waitsFor: Object.fromEntries(names.map((service) => [service, needsOf(service)])),
    replicas,
    needs: {
      cores: choice.cores,
      memoryBytes: { fail: memoryBytes, warn: 2 * memoryBytes },
      dataBytes: sum(services.map((service) => service.dataBytes)),
    },
    kafka: has(definition.kafka.service) ? definition.kafka : undefined,
    ledger,
    databases: definition.databases.filter(({ service, migratedBy }) => has(service) && has(migratedBy)),
    topics: topicsOf(services),
    consumerGroups: lasting.flatMap(({ name: service, consumes }) =>
      Object.entries(consumes).map(([group, topic]) => ({ group, topic, service })),
    ),
    health: lasting.flatMap(({ name: service, health }) => (health ? [{ service, ...health }] : [])),
    provisioning: ledger && definition.provisioning,
    fspiop: ledger && fspiopOf(definition, has),
  }
}

/** The files that services of the profile read. */
export function configsOf({ configs }: Definition, { services }: Pick<Profile, 'services'>): Definition['configs'] {
  return configs.filter(
    (config) =>
      config.services.some((name) => services.includes(name)) &&
      (config.with === undefined || services.includes(config.with)),
  )
}

/** Each topic has a partition for each container that reads it in a group. */
function topicsOf(services: (Service & { replicas: number })[]): Record<string, number> {
  const wanted = services.flatMap(({ topics, consumes, replicas }) => [
    ...Object.entries(topics),
    ...Object.values(consumes).map((topic): [string, number] => [topic, replicas]),
  ])
  const most = new Map<string, number>()
  for (const [topic, partitions] of wanted) most.set(topic, Math.max(partitions, most.get(topic) ?? 1))
  return Object.fromEntries(most)
}

interface Choice {
  services: string[]
  instead: Record<string, string[]>
  replicas: Record<string, number>
}

/** What the profile itself says, laid over what the profiles say that it includes. */
function wholeChoice(definition: Definition, name: string, path: readonly string[] = []): Choice {
  if (path.includes(name)) throw circular([...path, name])
  const own = choiceOf(definition, name)
  const included = own.includes.map((other) => wholeChoice(definition, other, [...path, name]))
  const all: Choice[] = [...included, own]
  return {
    services: all.flatMap(({ services }) => services),
    instead: Object.assign({}, ...all.map(({ instead }) => instead)),
    replicas: Object.assign({}, ...all.map(({ replicas }) => replicas)),
  }
}

function choiceOf(definition: Definition, name: string): Definition['profiles'][string] {
  const choice = definition.profiles[name]
  if (!choice) throw unknown(definition, name)
  return choice
}

function fspiopOf({ fspiop }: Definition, has: (service: string) => boolean): Fspiop {
  const lacking = FSPIOP_SERVICES.filter((key) => !has(fspiop[key].service))
  return Object.fromEntries(Object.entries(fspiop).filter(([key]) => !lacking.some((lack) => lack === key))) as Fspiop
}

/** With all they need, each after what it needs. @throws MojaboxError `definition-invalid` when they need each other */
function closure(entries: readonly string[], needsOf: (service: string) => string[]): string[] {
  const done: string[] = []
  const visit = (name: string, path: readonly string[]): void => {
    if (done.includes(name)) return
    if (path.includes(name)) throw circular([...path, name])
    for (const need of needsOf(name)) visit(need, [...path, name])
    done.push(name)
  }
  for (const entry of entries) visit(entry, [])
  return done
}

function serviceOf({ services }: Definition, name: string) {
  const service = services[name]
  if (!service) throw new Error(`no service ${name}`)
  return service
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function circular(path: string[]): MojaboxError {
  return new MojaboxError({
    code: 'definition-invalid',
    kind: 'bundle',
    message: 'reading deployment.yaml: services or profiles need each other in a circle',
    found: path.join(' needs '),
    needed: 'an order in which they can start',
  })
}

function unknown(definition: Definition, name: string): MojaboxError {
  const names = Object.keys(definition.profiles)
  const [nearest] = nearestNames(name, names)
  return new MojaboxError({
    code: 'profile-unknown',
    kind: 'usage',
    message: `choosing a profile: ${definition.name} has no profile ${name}`,
    found: name,
    needed: names.join(', '),
    next: nearest ? `did you mean ${nearest}? --profile ${nearest}` : 'set `profile` in mojabox.yaml to one of these',
  })
}

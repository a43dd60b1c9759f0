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
  const choice = definition.profiles[name]
  if (!choice) throw unknown(definition, name)
  const names = closure(definition, choice.services)
  const services = names.map((service) => ({ name: service, ...serviceOf(definition, service) }))
  const has = (service: string) => names.includes(service)
  const ledger = has(definition.ledger.service) ? definition.ledger : undefined
  const memoryBytes = definition.hostMemoryBytes + sum(services.map((service) => service.memoryBytes))
  return {
    name,
    title: choice.title,
    services: names,
    backing: services.filter(({ backing }) => backing).map((service) => service.name),
    jobs: services.filter(({ job }) => job).map((service) => service.name),
    needs: {
      cores: choice.cores,
      memoryBytes: { fail: memoryBytes, warn: 2 * memoryBytes },
      dataBytes: sum(services.map((service) => service.dataBytes)),
    },
    kafka: has(definition.kafka.service) ? definition.kafka : undefined,
    ledger,
    databases: definition.databases.filter(({ service, migratedBy }) => has(service) && has(migratedBy)),
    topics: Object.assign({}, ...services.map(({ topics }) => topics)),
    consumerGroups: services.flatMap(({ name: service, consumes }) =>
      Object.entries(consumes).map(([group, topic]) => ({ group, topic, service })),
    ),
    health: services.flatMap(({ name: service, health }) => (health ? [{ service, ...health }] : [])),
    provisioning: ledger && definition.provisioning,
    fspiop: ledger && fspiopOf(definition, has),
  }
}

function fspiopOf({ fspiop }: Definition, has: (service: string) => boolean): Fspiop {
  const lacking = FSPIOP_SERVICES.filter((key) => !has(fspiop[key].service))
  return Object.fromEntries(Object.entries(fspiop).filter(([key]) => !lacking.some((lack) => lack === key))) as Fspiop
}

/** With all they need, each after what it needs. @throws MojaboxError `definition-invalid` when they need each other */
function closure(definition: Definition, entries: readonly string[]): string[] {
  const done: string[] = []
  const visit = (name: string, path: readonly string[]): void => {
    if (done.includes(name)) return
    if (path.includes(name)) throw circular([...path, name])
    for (const need of serviceOf(definition, name).needs) visit(need, [...path, name])
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
    message: 'reading deployment.yaml: services need each other in a circle',
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

import { parse } from 'yaml'
import { z } from 'zod'
import { MojaboxError } from '../../../bundles/format/error.ts'

const Name = z.string().regex(/^[a-z][a-z0-9-]*$/)
const Identifier = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
const Port = z.number().int().min(1).max(65535)
const Bytes = z.number().int().positive()

/** A port of the node's loopback: published for `service`, told to Compose in `variable`. */
const PublishedPort = z.strictObject({ service: Name, variable: z.string().regex(/^[A-Z_]+$/), default: Port })

/** A file of the bundle, rendered into the deployment's folder: `{{secret:NAME}}` and `{{currency}}` are filled in. */
const ConfigFile = z.strictObject({
  /** The services that read it. */
  services: z.array(Name).min(1),
  /** Its path in the bundle's files, beside deployment.yaml. */
  file: z.string().min(1),
  /** Its path on the node, below the deployment's folder. */
  path: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/),
  uid: z.number().int().nonnegative(),
  mode: z.string().regex(/^0[0-7]{3}$/),
})

const Threshold = z.strictObject({ fail: z.number().positive(), warn: z.number().positive() })

const Needs = z.strictObject({
  cores: Threshold,
  memoryBytes: Threshold,
  /** Beside the images. */
  dataBytes: Bytes,
})

/** A group that must have a member from `service` on every partition of `topic`. */
const ConsumerGroup = z.strictObject({ group: z.string().min(1), topic: z.string().min(1), service: Name })
export type ConsumerGroup = z.infer<typeof ConsumerGroup>

/** A service's own health endpoint, at its address on the Compose network. */
const HealthEndpoint = z.strictObject({ service: Name, port: Port, path: z.string().startsWith('/') })
export type HealthEndpoint = z.infer<typeof HealthEndpoint>

/** `passwordFile` is a path inside the service's container: the password never leaves it. */
const Database = z.strictObject({
  service: Name,
  user: Identifier,
  schema: Identifier,
  passwordFile: z.string().regex(/^\/[A-Za-z0-9._/-]+$/),
})

/** A service reached through one of `ports`. */
const Reached = z.strictObject({ service: Name, port: Name })

const Migrations = z.strictObject({ table: Identifier, lockTable: Identifier, atLeast: z.number().int().positive() })

/** Reference data: `table` must hold at least so many rows. */
const Seed = z.strictObject({ table: Identifier, atLeast: z.number().int().positive() })

/** A settlement model as central-ledger's API takes it, without its currency. */
const SettlementModel = z.strictObject({
  /** May hold `{{currency}}`; letters and digits, at most 30. */
  name: z.string().regex(/^([A-Za-z0-9]|\{\{currency\}\})+$/),
  settlementGranularity: z.enum(['GROSS', 'NET']),
  settlementInterchange: z.enum(['BILATERAL', 'MULTILATERAL']),
  settlementDelay: z.enum(['IMMEDIATE', 'DEFERRED']),
  requireLiquidityCheck: z.boolean(),
  ledgerAccountType: z.string(),
  settlementAccountType: z.enum(['SETTLEMENT', 'INTERCHANGE_FEE_SETTLEMENT']),
  autoPositionReset: z.boolean(),
})
export type SettlementModel = z.infer<typeof SettlementModel>

/** A test DFSP. Amounts are whole units of the site's currency. */
const Participant = z.strictObject({
  name: z.string().regex(/^[a-z0-9]{2,30}$/),
  netDebitCap: z.number().int().nonnegative(),
  funds: z.number().int().nonnegative(),
})

const Provisioning = z.strictObject({
  hubAccounts: z.array(z.string()),
  settlementModel: SettlementModel,
  /** Who carries out what the admin API only queues. */
  fundsIn: z.strictObject({ group: z.string(), topic: z.string() }),
  participants: z.array(Participant).min(1),
})

const Profile = z.strictObject({
  title: z.string(),
  /** Every service of the profile, as compose.yaml has them. */
  services: z.array(Name).min(1),
  /** Of `services`: those that must be healthy before topics are made and the rest is started. */
  backing: z.array(Name),
  /** Of `services`: those that run once and end. */
  jobs: z.array(Name),
  needs: Needs,
  kafka: Reached,
  database: Database,
  /** Whose admin API provisions and moves funds. */
  ledger: Reached,
  /** Partitions by topic. */
  topics: z.record(z.string(), z.number().int().positive()),
  consumerGroups: z.array(ConsumerGroup),
  health: z.array(HealthEndpoint),
  migrations: Migrations,
  seeds: z.array(Seed),
  provisioning: Provisioning,
})
export type Profile = z.infer<typeof Profile>

/** deployment.yaml of the core test harness: what mojabox has to know beside compose.yaml. */
export const Definition = z.strictObject({
  version: z.literal(1),
  name: z.literal('core-test-harness'),
  title: z.string(),
  /** The Compose file's path, beside deployment.yaml. */
  compose: z.string(),
  ports: z.record(Name, PublishedPort),
  secrets: z.record(Name, z.strictObject({ bytes: z.number().int().min(16).max(64) })),
  configs: z.array(ConfigFile),
  profiles: z.record(Name, Profile),
})
export type Definition = z.infer<typeof Definition>

/**
 * Reads deployment.yaml; also checks that what it names in itself is there.
 * @throws MojaboxError `definition-invalid`
 */
export function parseDefinition(text: string): Definition {
  const read = Definition.safeParse(parsedYaml(text))
  if (!read.success) throw invalid(z.prettifyError(read.error))
  const dangling = Object.entries(read.data.profiles).flatMap(([name, profile]) =>
    danglingNames(read.data, name, profile),
  )
  if (dangling.length > 0) throw invalid(dangling.join('; '))
  return read.data
}

/** @throws MojaboxError `profile-unknown` */
export function profileOf(definition: Definition, name: string): Profile {
  const profile = definition.profiles[name]
  if (profile) return profile
  throw new MojaboxError({
    code: 'profile-unknown',
    kind: 'usage',
    message: `choosing a profile: ${definition.name} has no profile ${name}`,
    found: name,
    needed: Object.keys(definition.profiles).join(', '),
    next: 'set `profile` in mojabox.yaml to one of these',
  })
}

function danglingNames(definition: Definition, name: string, profile: Profile): string[] {
  const services = new Set(profile.services)
  const ports = new Set(Object.keys(definition.ports))
  const topics = new Set(Object.keys(profile.topics))
  const users = [
    ...profile.backing,
    ...profile.jobs,
    ...[profile.kafka, profile.database, profile.ledger, ...profile.consumerGroups, ...profile.health].map(
      (user) => user.service,
    ),
  ]
  const topicUsers = [...profile.consumerGroups, profile.provisioning.fundsIn].map((user) => user.topic)
  return [
    ...users.filter((service) => !services.has(service)).map((service) => `${name}: no service ${service}`),
    ...[profile.kafka, profile.ledger]
      .filter(({ port }) => !ports.has(port))
      .map(({ port }) => `${name}: no port ${port}`),
    ...topicUsers.filter((topic) => !topics.has(topic)).map((topic) => `${name}: no topic ${topic}`),
  ]
}

function parsedYaml(text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error), error)
  }
}

function invalid(found: string, cause?: unknown): MojaboxError {
  return new MojaboxError(
    {
      code: 'definition-invalid',
      kind: 'bundle',
      message: 'reading deployment.yaml: it is not a definition of the core test harness',
      found,
      needed: 'a deployment.yaml that this version of mojabox knows',
      next: 'mojabox bundle inspect <bundle>',
    },
    { cause },
  )
}

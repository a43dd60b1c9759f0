import { parse } from 'yaml'
import { z } from 'zod'
import { MojaboxError } from '../../../bundles/format/error.ts'
import { Name, Port, Service } from './service.ts'

const TOLD_ISSUES = 5

const Identifier = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
const Bytes = z.number().int().positive()

/** A port of a service on the node's loopback; without a `default` it is published only where the site asks for it. */
const PublishedPort = z.strictObject({ service: Name, container: Port, default: Port.optional() })

/**
 * A file of the bundle, rendered into the deployment's folder and mounted into the services that read it. Filled in are
 * `{{secret:NAME}}`, `{{currency}}`, `{{port:NAME}}`, and `"{{scrape}}"` (what Prometheus reads, a list).
 */
const ConfigFile = z.strictObject({
  services: z.array(Name).min(1),
  /** Only in profiles that have this service too. */
  with: Name.optional(),
  /** Its path in the bundle's files, beside deployment.yaml. */
  file: z.string().min(1),
  /** Its path on the node, below the deployment's folder. */
  path: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/),
  /** Its path in the container. */
  target: z.string().startsWith('/'),
  uid: z.number().int().nonnegative(),
  mode: z.string().regex(/^0[0-7]{3}$/),
})

/** A folder beside the Compose file, for services that mount `./NAME`. */
const Folder = z.strictObject({
  /** Whose it is. */
  uid: z.number().int().nonnegative(),
  /** The bundle's files of that name lie in it, where it carries them. */
  files: z.string().optional(),
})

const Certificate = z.strictObject({
  issuer: Name.optional(),
  /** DNS names that it is valid for. */
  hosts: z.array(z.string()).default([]),
})

const Threshold = z.strictObject({ fail: z.number().positive(), warn: z.number().positive() })

/** A service reached through one of `ports`. */
const Reached = z.strictObject({ service: Name, port: Name })
export type Reached = z.infer<typeof Reached>

/** Reference data: `table` must hold at least so many rows. */
const Seed = z.strictObject({ table: Identifier, atLeast: z.number().int().positive() })

/** A schema, made by a job. `passwordFile` is a path inside the service's container: the password never leaves it. */
const Database = z.strictObject({
  service: Name,
  user: Identifier,
  schema: Identifier,
  passwordFile: z.string().regex(/^\/[A-Za-z0-9._/-]+$/),
  migratedBy: Name,
  migrations: z.strictObject({ table: Identifier, lockTable: Identifier, atLeast: z.number().int().positive() }),
  seeds: z.array(Seed).default([]),
})
export type Database = z.infer<typeof Database>

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
export type Provisioning = z.infer<typeof Provisioning>

/** A service's own port inside the Compose network. */
const Inside = z.strictObject({ service: Name, port: Port })
export type Inside = z.infer<typeof Inside>

/** Where two DFSPs send what they ask of each other. Each is left out of a profile that lacks its service. */
const Fspiop = z.strictObject({
  transfers: Inside,
  quotes: Inside,
  parties: Inside,
  /** Where oracles are registered. */
  partiesAdmin: Inside,
  /** Who knows which DFSP a telephone number belongs to. */
  oracle: z.strictObject({ service: Name, url: z.string() }),
  /** Where the test DFSPs listen, on the Compose network's own address of the node; a site may move it (`ports.callbacks`). */
  callbacksPort: Port,
  /** The hub signs what it says itself, and the test DFSPs what they send; each with its pair of `keyPairs` (signers.ts). */
  jws: z.boolean(),
})
export type Fspiop = Omit<z.infer<typeof Fspiop>, FspiopService> & Partial<Pick<z.infer<typeof Fspiop>, FspiopService>>
/** The hub's own name among its participants. */
export const HUB = 'Hub'
/** What a site calls that port. */
export const CALLBACKS_PORT_NAME = 'callbacks'

export const FSPIOP_SERVICES = ['transfers', 'quotes', 'parties', 'partiesAdmin', 'oracle'] as const
type FspiopService = (typeof FSPIOP_SERVICES)[number]

/** What is started for one purpose: these services, and whatever they need. */
const ProfileChoice = z.strictObject({
  title: z.string(),
  services: z.array(Name).default([]),
  /** Other profiles: what they say holds here too. */
  includes: z.array(Name).default([]),
  /** Services that take another's place, by the one they replace. */
  instead: z.record(Name, z.array(Name).min(1)).default({}),
  /** Containers of a service, where more than one; its ports are not published then. */
  replicas: z.record(Name, z.number().int().min(2)).default({}),
  cores: Threshold.default({ fail: 1, warn: 2 }),
})

/** deployment.yaml of the core test harness, with its services. */
export const Definition = z.strictObject({
  version: z.literal(1),
  name: z.literal('core-test-harness'),
  title: z.string(),
  /** Laid under every service in the Compose file. */
  every: z.looseObject({}),
  /** Laid under every health check, whose command is handed to `probe`, a shell script. */
  healthcheck: z.looseObject({}),
  probe: z.string(),
  ports: z.record(Name, PublishedPort),
  secrets: z.record(Name, z.strictObject({ bytes: z.number().int().min(16).max(64) })),
  /** RSA keys to sign messages with; files write `{{secret:NAME-key}}` and `{{secret:NAME-public}}`. */
  keyPairs: z.array(Name).default([]),
  /** `{{secret:NAME-key}}` and `{{secret:NAME-certificate}}`; one without an issuer is an authority. */
  certificates: z.record(Name, Certificate).default({}),
  configs: z.array(ConfigFile),
  folders: z.record(Name, Folder).default({}),
  kafka: Reached,
  /** Whose admin API provisions and moves funds. */
  ledger: Reached,
  databases: z.array(Database),
  fspiop: Fspiop,
  provisioning: Provisioning,
  /** Memory of a host beside that of the services, bytes. */
  hostMemoryBytes: Bytes,
  services: z.record(Name, Service),
  profiles: z.record(Name, ProfileChoice),
})
export type Definition = z.infer<typeof Definition>

const Files = z.looseObject({ services: z.array(z.string()) })

/**
 * Puts deployment.yaml and the files of services that it names together. Keys that begin with `x-` are for anchors.
 * @returns the definition, and its text as one file: JSON, which is YAML too
 * @throws MojaboxError `definition-invalid`
 */
export async function readDefinition(
  readText: (path: string) => Promise<string>,
): Promise<{ definition: Definition; text: string }> {
  const top = Files.safeParse(parsedYaml(await readText('deployment.yaml')))
  if (!top.success) throw invalid(issuesOf(top.error))
  const services: Record<string, unknown> = {}
  for (const path of top.data.services) {
    const found = parsedYaml(await readText(path))
    for (const [name, service] of Object.entries(found as Record<string, unknown>)) {
      if (name.startsWith('x-')) continue
      if (name in services) throw invalid(`${path}: a second service ${name}`)
      services[name] = service
    }
  }
  const whole = { ...top.data, services }
  return { definition: checked(whole), text: `${JSON.stringify(whole, undefined, 2)}\n` }
}

/**
 * Reads a definition that is one file; also checks that what it names in itself is there.
 * @throws MojaboxError `definition-invalid`
 */
export function parseDefinition(text: string): Definition {
  return checked(parsedYaml(text))
}

function checked(found: unknown): Definition {
  const read = Definition.safeParse(found)
  if (!read.success) throw invalid(issuesOf(read.error))
  const dangling = danglingNames(read.data)
  if (dangling.length > 0) throw invalid(dangling.join('; '))
  return read.data
}

function danglingNames(definition: Definition): string[] {
  const { services, ports, profiles, databases, configs, kafka, ledger, fspiop, provisioning, certificates } =
    definition
  const topics = new Set(Object.values(services).flatMap((service) => Object.keys(service.topics)))
  const named: [string, string][] = [
    ...Object.entries(services).flatMap(([name, { needs }]) => needs.map((need): [string, string] => [name, need])),
    ...Object.entries(profiles).flatMap(([name, profile]) =>
      [...profile.services, ...Object.entries(profile.instead).flat(2), ...Object.keys(profile.replicas)].map(
        (of): [string, string] => [name, of],
      ),
    ),
    ...Object.entries(ports).map(([name, { service }]): [string, string] => [`port ${name}`, service]),
    ...databases.flatMap(({ schema, service, migratedBy }): [string, string][] => [
      [schema, service],
      [schema, migratedBy],
    ]),
    ...configs.flatMap(({ file, services: of, with: also }) =>
      [...of, ...(also ? [also] : [])].map((service): [string, string] => [file, service]),
    ),
    ...FSPIOP_SERVICES.map((key): [string, string] => [`fspiop.${key}`, fspiop[key].service]),
    ['kafka', kafka.service],
    ['ledger', ledger.service],
  ]
  const read = Object.entries(services).flatMap(([name, { consumes, topics: own }]) =>
    Object.values(consumes)
      .filter((topic) => !(topic in own))
      .map((topic) => `${name}: no topic ${topic}`),
  )
  return [
    ...named
      .filter(([, service]) => !(service in services))
      .map(([where, service]) => `${where}: no service ${service}`),
    ...read,
    ...Object.entries(certificates).flatMap(([name, { issuer }]) =>
      issuer !== undefined && certificates[issuer]?.issuer !== undefined
        ? [`${name}: ${issuer} is no authority`]
        : issuer !== undefined && !(issuer in certificates)
          ? [`${name}: no certificate ${issuer}`]
          : [],
    ),
    ...Object.entries(profiles).flatMap(([name, { includes }]) =>
      includes.filter((other) => !(other in profiles)).map((other) => `${name}: no profile ${other}`),
    ),
    ...(topics.has(provisioning.fundsIn.topic) ? [] : [`provisioning: no topic ${provisioning.fundsIn.topic}`]),
    ...[kafka, ledger].filter(({ port }) => !(port in ports)).map(({ service, port }) => `${service}: no port ${port}`),
  ]
}

/** A bundle carries JSON, which is read in a fiftieth of the time that YAML takes. */
function parsedYaml(text: string): unknown {
  try {
    return parsedJson(text) ?? parse(text, { merge: true })
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error), error)
  }
}

function parsedJson(text: string): unknown {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The first few: what is wrong once is often wrong in every service. */
function issuesOf({ issues }: z.ZodError): string {
  const told = issues.slice(0, TOLD_ISSUES).map(({ path, message }) => `${path.join('.')}: ${message}`)
  const more = issues.length - told.length
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
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

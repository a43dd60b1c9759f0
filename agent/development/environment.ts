import { MojaboxError } from '../../bundles/format/error.ts'
import type { Endpoint, Surroundings } from '../contract/node-answer.ts'
import { BACKING, sourceOf } from './backing.ts'

/** Where an endpoint is reached from the desk. */
export interface Reached {
  host: string
  port: number
}

/** What a process at the desk needs to work with the hub's backing services. Holds secrets. */
export interface Environment {
  variables: Record<string, string>
  /** A service with `rc`: its whole configuration, and the variable that names a file with it. */
  config: { variable: string; content: string } | undefined
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/**
 * The environment of a service run at the desk, or, without a service, of anything that works with the backing services.
 * Pure: `reach` says where each endpoint is.
 * @throws MojaboxError `service-config` for a service whose configuration is not known
 */
export function environmentOf(surroundings: Surroundings, reach: (endpoint: Endpoint) => Reached): Environment {
  const { service } = surroundings
  if (service === null) return { variables: generalVariables(surroundings, reach), config: undefined }
  const rc = sourceOf(service.image)?.rc
  if (service.config === null || rc === undefined) throw noConfig(service.name, service.image)
  const config = rewritten(JSON.parse(service.config) as Json, placesOf(surroundings, reach))
  return {
    variables: Object.fromEntries(flat(config, rc)),
    config: { variable: `${rc}_config`, content: `${JSON.stringify(config, null, 2)}\n` },
  }
}

/** Whether a POSIX shell can hold a variable of that name; rc's names may have dots. */
export function isShellName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
}

function generalVariables({ endpoints, logins }: Surroundings, reach: (endpoint: Endpoint) => Reached) {
  const variables: Record<string, string> = {}
  for (const endpoint of endpoints) {
    const prefix = endpoint.service.toUpperCase().replaceAll('-', '_')
    const { host, port } = reach(endpoint)
    const kind = BACKING[endpoint.service]?.kind
    if (kind === undefined) variables[`${prefix}_URL`] = `http://${host}:${port}`
    else if (kind === 'kafka') variables[`${prefix}_BROKERS`] = `${host}:${port}`
    else Object.assign(variables, { [`${prefix}_HOST`]: host, [`${prefix}_PORT`]: String(port) })
    const login = logins.find(({ service }) => service === endpoint.service)
    if (!login) continue
    variables[`${prefix}_USER`] = login.user
    variables[`${prefix}_PASSWORD`] = login.password
    variables[`${prefix}_DATABASE`] = login.database
  }
  return variables
}

type Places = (service: string, port: number | undefined) => Reached | undefined

function placesOf({ endpoints }: Surroundings, reach: (endpoint: Endpoint) => Reached): Places {
  return (service, port) => {
    const backing = BACKING[service]
    // Kafka's listener for clients outside is another port than the one that services inside name.
    const wanted = backing?.kind === 'kafka' ? backing.port : (port ?? backing?.port)
    const found = endpoints.find((each) => each.service === service && (wanted === undefined || each.port === wanted))
    return found && reach(found)
  }
}

/** The same configuration with every address of a service inside replaced by where the desk reaches it. */
function rewritten(value: Json, places: Places): Json {
  if (typeof value === 'string') return rewrittenText(value, places)
  if (Array.isArray(value)) return value.map((each) => rewritten(each, places))
  if (value === null || typeof value !== 'object') return value
  const result: Record<string, Json> = {}
  for (const [key, each] of Object.entries(value)) result[key] = rewritten(each, places)
  for (const [key, each] of Object.entries(value)) {
    if (!/^host$/i.test(key) || typeof each !== 'string') continue
    const portKey = key === 'HOST' ? 'PORT' : 'port'
    const port = value[portKey] === undefined ? undefined : Number(value[portKey])
    const place = places(each, port)
    if (place) Object.assign(result, { [key]: place.host, [portKey]: place.port })
  }
  return result
}

function rewrittenText(text: string, places: Places): string {
  return text.replaceAll(/(^|[/,@\s])([a-z][a-z0-9-]*):(\d{2,5})\b/g, (whole, before: string, service, port) => {
    const place = places(service, Number(port))
    return place ? `${before}${place.host}:${place.port}` : whole
  })
}

/** One variable for each value: `__` between the names on the way to it. Lists have no such form; the file has them. */
function* flat(value: Json, path: string, separator = '_'): Generator<[string, string]> {
  if (Array.isArray(value) || value === null) return
  if (typeof value !== 'object') yield [path, String(value)]
  else for (const [key, each] of Object.entries(value)) yield* flat(each, `${path}${separator}${key}`, '__')
}

function noConfig(name: string, image: string): MojaboxError {
  return new MojaboxError({
    code: 'service-config',
    kind: 'usage',
    message: `what ${name} is configured with is not known to mojabox`,
    found: `${name}, made from ${image}`,
    needed: 'a Mojaloop service with a configuration file of its own, such as central-ledger',
    next: 'mojabox env   (without a service: addresses and logins of all backing services)',
  })
}

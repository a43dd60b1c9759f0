import { MojaboxError } from '../../../bundles/format/error.ts'
import { nearestNames } from '../../../bundles/format/nearest.ts'
import type { WorkOrder } from '../../contract/work-order.ts'
import type { Definition } from './definition.ts'
import { isTree, type Layer, type Tree } from './layers.ts'
import type { Profile } from './profile.ts'
import type { Service } from './service.ts'

type Wishes = Pick<WorkOrder, 'settings' | 'composeOverrides'>

/**
 * What the site lays over the profile's Compose file: its settings, then its own Compose files, each a layer.
 * @throws MojaboxError kind usage: `service-unknown`, `variable-unknown`
 */
export function siteLayers({ settings, composeOverrides }: Wishes, definition: Definition, profile: Profile): Layer[] {
  const { environment, logLevel, services } = settings
  for (const name of Object.keys(services)) refuseUnknownService(name, profile, `settings.services.${name}`)
  const known = profile.services.map((name): [string, Service] => [name, definition.services[name] as Service])
  for (const variable of Object.keys(environment)) {
    if (!known.some(([, service]) => reads(service, variable))) {
      throw unknownVariable(
        variable,
        `settings.environment`,
        known.map(([, service]) => service),
      )
    }
  }
  const tree = known.flatMap(([name, service]): [string, Tree][] => {
    const own = services[name]
    for (const variable of Object.keys(own?.environment ?? {})) {
      if (!reads(service, variable)) throw unknownVariable(variable, `settings.services.${name}.environment`, [service])
    }
    const level = own?.logLevel ?? logLevel
    const variables = {
      ...Object.fromEntries(Object.entries(environment).filter(([variable]) => reads(service, variable))),
      ...(level && reads(service, 'LOG_LEVEL') && { LOG_LEVEL: level }),
      ...own?.environment,
    }
    const body = {
      ...(own?.image && { image: own.image }),
      ...(Object.keys(variables).length > 0 && { environment: literal(variables) }),
      ...(own?.cpus && { cpus: own.cpus }),
      ...(own?.memory && { mem_limit: own.memory }),
    }
    return Object.keys(body).length > 0 ? [[name, body]] : []
  })
  const own: Layer[] = tree.length > 0 ? [{ origin: 'site', tree: { services: Object.fromEntries(tree) } }] : []
  return [...own, ...composeOverrides.map(({ file, content }) => overrideLayer(file, content, profile))]
}

/** A service that the profile lacks is one more, when it says what to run; else it is a mistake. */
function overrideLayer(file: string, content: Tree, profile: Profile): Layer {
  const { services = {}, ...rest } = content
  if (!isTree(services)) throw unknownService('services', profile, file)
  for (const [name, body] of Object.entries(services)) {
    if (!isTree(body) || body.image === undefined) refuseUnknownService(name, profile, `${file}: services.${name}`)
  }
  const { version: _outdated, name: _ours, ...kept } = rest
  return { origin: file, tree: { services, ...kept } }
}

/** Compose would fill in what follows a `$`. */
function literal(variables: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, value.replaceAll('$', '$$$$')]))
}

function reads({ variables }: Service, name: string): boolean {
  return variables.some((known) => (known.endsWith('*') ? name.startsWith(known.slice(0, -1)) : known === name))
}

function refuseUnknownService(name: string, profile: Profile, where: string): void {
  if (!profile.services.includes(name)) throw unknownService(name, profile, where)
}

function unknownService(name: string, profile: Profile, where: string): MojaboxError {
  const [nearest] = nearestNames(name, profile.services)
  return new MojaboxError({
    code: 'service-unknown',
    kind: 'usage',
    message: `${where}: the profile ${profile.name} has no service ${name}`,
    found: name,
    needed: `one of ${profile.services.join(', ')}; or, in a Compose file, a service of its own with its image`,
    next: nearest ? `did you mean ${nearest}?` : 'correct it, then run the same command again',
  })
}

function unknownVariable(variable: string, where: string, services: Service[]): MojaboxError {
  const known = [...new Set(services.flatMap(({ variables }) => variables))]
  // Of a prefix, what this variable would be with it.
  const candidates = known.map((name) =>
    name.endsWith('*') ? `${name.slice(0, -1)}${variable.slice(name.length - 1)}` : name,
  )
  const nearest = nearestNames(variable, candidates)
  return new MojaboxError({
    code: 'variable-unknown',
    kind: 'usage',
    message: `${where}: no service reads ${variable}`,
    found: variable,
    needed: known.length > 0 ? `one of ${known.join(', ')} (* stands for anything)` : 'nothing: it reads none',
    next: nearest[0] ? `did you mean ${nearest.join(' or ')}?` : 'correct it, then run the same command again',
  })
}

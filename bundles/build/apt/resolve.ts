import { MojaboxError } from '../../format/error.ts'
import { meets, type Relation, relationText } from './control.ts'
import type { Package, PackageIndex } from './package-index.ts'

export interface ResolveRequest {
  distribution: string
  /** Names wanted on a node. */
  install: string[]
  /** What every host has besides essential and required packages. */
  host: string[]
  index: PackageIndex
}

/**
 * The packages to carry so that those wanted can be installed on a host that has no more than it must: their
 * dependencies, and theirs, less what such a host has. Sorted by name.
 * @throws MojaboxError `package-not-found`, `package-unresolvable`, `package-conflict`
 */
export function resolvePackages({ distribution, install, host, index }: ResolveRequest): Package[] {
  const hostNames = [...index.required(), ...host]
  const onHost = closure(distribution, hostNames, index, new Map())
  const carried = closure(distribution, install, index, onHost)
  checkConflicts(distribution, carried, onHost)
  return [...carried.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
}

/** Names and what they depend on, besides what is there already. */
function closure(
  distribution: string,
  names: string[],
  index: PackageIndex,
  there: ReadonlyMap<string, Package>,
): Map<string, Package> {
  const chosen = new Map<string, Package>()
  const queue: Package[] = []
  const add = (chosenPackage: Package): void => {
    chosen.set(chosenPackage.name, chosenPackage)
    queue.push(chosenPackage)
  }
  // All that is named first: an alternative that is named wins over one that stands first.
  for (const name of names) {
    const [candidate] = index.candidates(name)
    if (candidate === undefined) throw notFound(distribution, name)
    if (!chosen.has(name)) add(candidate)
  }
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const group of next.depends) {
      if (isMet(group, chosen, there)) continue
      const found = choose(group, index, chosen)
      if (found === undefined) throw unresolvable(distribution, next, group, index, chosen)
      add(found)
    }
  }
  return chosen
}

/**
 * A host's package may be any version that its distribution had: one that must be exactly this is carried, so that it
 * can be brought to it.
 */
function isMet(group: Relation[], chosen: ReadonlyMap<string, Package>, there: ReadonlyMap<string, Package>): boolean {
  const isIn = (packages: ReadonlyMap<string, Package>, relation: Relation): boolean => {
    const named = packages.get(relation.name)
    if (named !== undefined && meets(relation, named)) return true
    return [...packages.values()].some((entry) => meets(relation, entry))
  }
  return group.some(
    (relation) => isIn(chosen, relation) || (relation.version?.operator !== '=' && isIn(there, relation)),
  )
}

/** The first alternative that exists; of a virtual package's providers the first by name. */
function choose(group: Relation[], index: PackageIndex, chosen: ReadonlyMap<string, Package>): Package | undefined {
  for (const relation of group) {
    const named = index.candidates(relation.name).find((candidate) => meets(relation, candidate))
    if (named !== undefined && !chosen.has(named.name)) return named
    for (const provider of index.providers(relation.name)) {
      const found = index.candidates(provider).find((candidate) => meets(relation, candidate))
      if (found !== undefined && !chosen.has(found.name)) return found
    }
  }
  return undefined
}

function checkConflicts(
  distribution: string,
  carried: ReadonlyMap<string, Package>,
  onHost: ReadonlyMap<string, Package>,
): void {
  const all = new Map([...onHost, ...carried])
  for (const one of carried.values()) {
    for (const other of all.values()) {
      const conflict = [
        ...one.conflicts.filter((relation) => meets(relation, other)),
        ...other.conflicts.filter((relation) => meets(relation, one)),
      ][0]
      if (one.name === other.name || conflict === undefined) continue
      throw new MojaboxError({
        code: 'package-conflict',
        kind: 'usage',
        message: `choosing packages for ${distribution}: ${one.name} and ${other.name} exclude each other`,
        found: `${label(one)} with ${label(other)} (conflict: ${relationText(conflict)})`,
        needed: 'packages that can be installed together',
        next: `change \`install\` of ${distribution} in the spec`,
      })
    }
  }
}

function label({ name, version }: Package): string {
  return `${name} ${version}`
}

function notFound(distribution: string, name: string): MojaboxError {
  return new MojaboxError({
    code: 'package-not-found',
    kind: 'usage',
    message: `choosing packages for ${distribution}: there is no ${name}`,
    found: `no package ${name} in its archives`,
    needed: name,
    next: `correct \`install\`, \`host\` or the archives of ${distribution} in the spec`,
  })
}

function unresolvable(
  distribution: string,
  wanting: Package,
  group: Relation[],
  index: PackageIndex,
  chosen: ReadonlyMap<string, Package>,
): MojaboxError {
  const found = group.map(({ name }) => {
    const already = chosen.get(name)
    if (already !== undefined) return `${label(already)}, already chosen`
    const versions = index.candidates(name).map(({ version }) => version)
    return `${name} ${versions.length === 0 ? 'not there' : versions.join(', ')}`
  })
  return new MojaboxError({
    code: 'package-unresolvable',
    kind: 'usage',
    message: `choosing packages for ${distribution}: ${label(wanting)} cannot be installed`,
    found: found.join('; '),
    needed: group.map(relationText).join(' | '),
    next: `change \`install\` or the archives of ${distribution} in the spec`,
  })
}

/** A tree of plain data, as YAML gives it. */
export type Tree = { [key: string]: unknown }

export interface Layer {
  /** Where its values come from, in a word for people. */
  origin: string
  tree: Tree
}

/** A value and where it comes from; a list counts as one value. */
export interface Sourced {
  path: string[]
  value: unknown
  /** Of a list to which several added: all of them. */
  origin: string
}

export interface Merged {
  tree: Tree
  values: Sourced[]
}

/** Lists that a later layer replaces whole: what a command begins with cannot be added to. */
const REPLACED = new Set(['command', 'entrypoint', 'test'])
/** Maps that Compose also takes as lists of `NAME=VALUE`. */
const MAPS = new Set(['environment', 'labels'])

/**
 * Lays layers over each other as Compose does with several files: maps key by key; lists grow, where a volume with the
 * same place in the container replaces the earlier one; commands are replaced. Changes nothing of what it is given.
 * See https://docs.docker.com/reference/compose-file/merge/
 */
export function mergeLayers(layers: readonly Layer[]): Merged {
  const tree: Tree = {}
  const values = new Map<string, Sourced>()
  for (const layer of layers) layOver(tree, layer.tree, layer.origin, values, [])
  return { tree, values: [...values.values()] }
}

function layOver(under: Tree, over: Tree, origin: string, values: Map<string, Sourced>, above: string[]): void {
  for (const [key, value] of Object.entries(over)) {
    const path = [...above, key]
    const at = JSON.stringify(path)
    const next = MAPS.has(key) && Array.isArray(value) ? mapOf(value) : value
    // What every object has, such as `constructor`, is nobody's layer.
    const there = Object.hasOwn(under, key) ? under[key] : undefined
    const below = MAPS.has(key) && Array.isArray(there) ? mapOf(there) : there
    if (isTree(next)) {
      const kept = isTree(below) ? below : {}
      put(under, key, kept)
      layOver(kept, next, origin, values, path)
    } else if (Array.isArray(next) && Array.isArray(below) && !REPLACED.has(key)) {
      const value = joined(below, next)
      put(under, key, value)
      values.set(at, { path, value, origin: [values.get(at)?.origin, origin].filter(Boolean).join(', ') })
    } else {
      const value = structuredClone(next)
      put(under, key, value)
      values.set(at, { path, value, origin })
    }
  }
}

/** As a member of its own, also one called `__proto__`, which an assignment would take for something else. */
function put(tree: Tree, key: string, value: unknown): void {
  Object.defineProperty(tree, key, { value, writable: true, enumerable: true, configurable: true })
}

function joined(below: unknown[], above: unknown[]): unknown[] {
  const places = new Set(above.map(identityOf))
  return [...below.filter((entry) => !places.has(identityOf(entry))), ...structuredClone(above)]
}

/** What makes two entries of a list the same thing: a mount's place in the container, else all of it. */
function identityOf(entry: unknown): string {
  if (isTree(entry)) return typeof entry.target === 'string' ? entry.target : JSON.stringify(entry)
  const mount = /^[^:]+:(\/[^:]*)(?::[a-z,]+)?$/.exec(String(entry))
  return mount?.[1] ?? String(entry)
}

/** `NAME=VALUE` entries as a map; a name alone has no value. */
function mapOf(entries: unknown[]): Tree {
  return Object.fromEntries(
    entries.map(String).map((entry) => {
      const at = entry.indexOf('=')
      return at < 0 ? [entry, null] : [entry.slice(0, at), entry.slice(at + 1)]
    }),
  )
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

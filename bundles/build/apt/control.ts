import { satisfies, type VersionOperator } from './debian-version.ts'

/** A stanza's fields by their name, as written; continuation lines are joined with newlines. */
export type Stanza = Record<string, string>

/** Stanzas of a control file (RFC 822 like): `Packages`, `Release`, deb822 sources. Comment lines are left out. */
export function parseStanzas(text: string): Stanza[] {
  const stanzas: Stanza[] = []
  let stanza: Stanza = {}
  let field = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue
    if (line.trim() === '') {
      if (Object.keys(stanza).length > 0) stanzas.push(stanza)
      stanza = {}
      field = ''
    } else if (/^[ \t]/.test(line)) {
      if (field !== '') stanza[field] += `\n${line.slice(1)}`
    } else {
      const colon = line.indexOf(':')
      if (colon < 1) continue
      field = line.slice(0, colon)
      stanza[field] = line.slice(colon + 1).trim()
    }
  }
  if (Object.keys(stanza).length > 0) stanzas.push(stanza)
  return stanzas
}

/** One alternative of a dependency: a name, perhaps with a version. */
export interface Relation {
  name: string
  version: { operator: VersionOperator; value: string } | undefined
}

/** `a (>= 1) | b, c`: all groups are needed, of each group one alternative. */
export function parseRelations(text: string | undefined): Relation[][] {
  if (text === undefined || text.trim() === '') return []
  return text
    .split(',')
    .map((group) => group.split('|').map(parseRelation))
    .filter((group) => group.some(({ name }) => name !== ''))
}

function parseRelation(text: string): Relation {
  const groups =
    /^\s*(?<name>[^\s:([]+)(?::\w+)?\s*(?:\(\s*(?<operator><<|<=|=|>=|>>|<|>)\s*(?<value>[^)\s]+)\s*\))?/.exec(
      text,
    )?.groups
  const { name = '', operator, value } = groups ?? {}
  // The single signs are old spellings that include equality.
  const normal = operator === '<' ? '<=' : operator === '>' ? '>=' : operator
  return { name, version: value === undefined ? undefined : { operator: normal as VersionOperator, value } }
}

export function relationText({ name, version }: Relation): string {
  return version === undefined ? name : `${name} (${version.operator} ${version.value})`
}

/** Whether a package, or what it provides, is what a relation asks for. */
export function meets(
  relation: Relation,
  { name, version, provides }: { name: string; version: string; provides: Relation[] },
): boolean {
  const wanted = relation.version
  if (name === relation.name) return wanted === undefined || satisfies(version, wanted.operator, wanted.value)
  return provides.some((provided) => {
    if (provided.name !== relation.name) return false
    if (wanted === undefined) return true
    return provided.version !== undefined && satisfies(provided.version.value, wanted.operator, wanted.value)
  })
}

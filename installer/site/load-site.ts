import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, resolve } from 'node:path'
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { MojaboxError } from '../../bundles/format/error.ts'
import { nearestNames } from '../../bundles/format/nearest.ts'
import { allowedKeys, isSecret } from './schema-words.ts'
import { Site } from './site.ts'

export interface LoadedSite {
  site: Site
  /** Absolute path of the file. */
  path: string
  /** Its folder: relative paths in the file start here, and `.mojabox/` lies here. */
  folder: string
}

interface Problem {
  line: number
  column: number
  what: string
  found: string
  needed: string
}

const MAX_BYTES = 1024 * 1024

/**
 * Reads a site file. Its paths (`bundle`, `trust`, `identityFile`, `file:` references) come back absolute.
 * @throws MojaboxError kind usage: `site-missing`, `site-invalid`; every problem with file:line:column.
 */
export async function loadSite(path: string, home: string = homedir()): Promise<LoadedSite> {
  const absolute = resolve(path)
  let text: string
  try {
    text = await readFile(absolute, 'utf8')
  } catch (error) {
    throw unreadable(path, error)
  }
  return siteOfText(text, path, home)
}

/**
 * The site as `loadSite` would give it if `text` stood in the file at `path`.
 * @throws MojaboxError `site-invalid`
 */
export function siteOfText(text: string, path: string, home: string = homedir()): LoadedSite {
  const absolute = resolve(path)
  const folder = dirname(absolute)
  return { site: withAbsolutePaths(parseSite(text, path), folder, home), path: absolute, folder }
}

/**
 * The site in a text; `name` is what messages call the file.
 * @throws MojaboxError `site-invalid`
 */
export function parseSite(text: string, name: string): Site {
  if (Buffer.byteLength(text) > MAX_BYTES) {
    throw invalid(name, [
      { line: 1, column: 1, what: 'too long', found: `${text.length} characters`, needed: 'at most 1 MiB' },
    ])
  }
  const lines = new LineCounter()
  // Without pretty errors: those quote the source, which might hold a secret written in by mistake.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => {
      const { line, col } = lines.linePos(error.pos[0])
      return {
        line,
        column: col,
        what: 'not YAML',
        found: error.code.toLowerCase().replaceAll('_', ' '),
        needed: 'valid YAML',
      }
    })
    throw invalid(name, problems)
  }
  let data: unknown
  try {
    data = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    const found = error instanceof ReferenceError ? 'an alias without its anchor, or too many of them' : 'unusable YAML'
    throw invalid(name, [{ line: 1, column: 1, what: 'not YAML', found, needed: 'plain YAML' }], error)
  }
  const result = Site.safeParse(data)
  if (result.success) return result.data
  throw invalid(
    name,
    result.error.issues.flatMap((issue) => problemsOf(issue, document, lines)),
    result.error,
  )
}

function problemsOf(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): Problem[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
  if (issue.code === 'unrecognized_keys') {
    const allowed = allowedKeys(Site, path)
    return issue.keys.map((key) => {
      const [guess] = nearestNames(key, allowed)
      return {
        ...positionOf(document, lines, [...path, key]),
        what: `unknown key \`${key}\`${path.length === 0 ? '' : ` in \`${written(path)}\``}`,
        found: `\`${key}\``,
        needed:
          guess === undefined
            ? `one of ${allowed.join(', ')}`
            : `did you mean \`${guess}\`? (allowed: ${allowed.join(', ')})`,
      }
    })
  }
  const found = valueAt(document, path)
  const where = positionOf(document, lines, path)
  return [{ ...where, what: `\`${written(path)}\``, found, needed: neededBy(issue, path) }]
}

function neededBy(issue: z.core.$ZodIssue, path: (string | number)[]): string {
  switch (issue.code) {
    case 'invalid_type':
      return path.length === 0 ? `a map of ${allowedKeys(Site, []).join(', ')}` : `${article(issue.expected)}`
    case 'invalid_value':
      return issue.values.length === 1 ? String(issue.values[0]) : `one of ${issue.values.join(', ')}`
    case 'too_small':
      return issue.origin === 'number' || issue.origin === 'int' ? `at least ${issue.minimum}` : issue.message
    case 'too_big':
      return `at most ${issue.maximum}`
    case 'invalid_format':
      return issue.message.startsWith('Invalid') ? `text like ${issue.pattern ?? issue.format}` : issue.message
    default:
      return issue.message
  }
}

function article(type: string): string {
  const word = {
    string: 'text',
    record: 'a map',
    object: 'a map',
    array: 'a list',
    int: 'a whole number',
    boolean: 'true or false',
  }[type]
  return word ?? `a ${type}`
}

/** What the file holds there; a secret's place is never quoted. */
function valueAt(document: Document, path: (string | number)[]): string {
  if (isSecret(Site, path)) return 'something else (not shown: it may be a secret)'
  const value: unknown = path.length === 0 ? document.toJS() : document.getIn(path)
  if (value === undefined) return 'nothing'
  if (isNode(value)) return isMap(value) ? 'a map' : 'a list'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'a map'
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

/** Where the key stands, or the nearest thing around it that exists. */
function positionOf(
  document: Document,
  lines: LineCounter,
  path: (string | number)[],
): { line: number; column: number } {
  for (let length = path.length; length > 0; length -= 1) {
    const offset = offsetOf(document, path.slice(0, length))
    if (offset !== undefined) {
      const { line, col } = lines.linePos(offset)
      return { line, column: col }
    }
  }
  return { line: 1, column: 1 }
}

function offsetOf(document: Document, path: (string | number)[]): number | undefined {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  const last = path.at(-1)
  if (isMap(parent)) {
    const pair = parent.items.find(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(last),
    )
    return isScalar(pair?.key) ? pair.key.range?.[0] : undefined
  }
  const node: unknown = document.getIn(path, true)
  return isNode(node) ? node.range?.[0] : undefined
}

function written(path: (string | number)[]): string {
  if (path.length === 0) return 'the file'
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  )
}

function invalid(name: string, problems: Problem[], cause?: unknown): MojaboxError {
  const rows = problems.map(
    (problem) =>
      `${name}:${problem.line}:${problem.column}: ${problem.what}: found ${problem.found}, needed ${problem.needed}`,
  )
  const [first] = problems
  return new MojaboxError(
    {
      code: 'site-invalid',
      kind: 'usage',
      message: rows.length === 1 ? (rows[0] ?? '') : `${rows.length} problems in the site file\n  ${rows.join('\n  ')}`,
      found: first?.found,
      needed: first?.needed,
      next: `mend ${name} line ${first?.line}, then run \`mojabox check -f ${name}\``,
    },
    { cause },
  )
}

function unreadable(path: string, error: unknown): MojaboxError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
  return new MojaboxError(
    {
      code: 'site-missing',
      kind: 'usage',
      message: `reading the site file ${path}: ${code === 'ENOENT' ? 'there is none' : code}`,
      found: code === 'ENOENT' ? 'no such file' : code,
      needed: 'a readable mojabox.yaml',
      next: 'write one (the README shows how), name one with -f FILE, or use --host',
    },
    { cause: error },
  )
}

/** Paths as the file means them: from its own folder, `~/` from home. */
function withAbsolutePaths(site: Site, folder: string, home: string): Site {
  const place = (path: string) => (path.startsWith('~/') ? resolve(home, path.slice(2)) : resolve(folder, path))
  const reference = (text: string) => (text.startsWith('file:') ? `file:${place(text.slice(5))}` : text)
  const login = <
    T extends { identityFile?: string | undefined; passphrase?: string | undefined; password?: string | undefined },
  >(
    given: T,
  ): T => ({
    ...given,
    ...(given.identityFile === undefined ? {} : { identityFile: place(given.identityFile) }),
    ...(given.passphrase === undefined ? {} : { passphrase: reference(given.passphrase) }),
    ...(given.password === undefined ? {} : { password: reference(given.password) }),
  })
  return {
    ...site,
    bundle: place(site.bundle),
    ...(site.base === undefined ? {} : { base: place(site.base) }),
    trust: site.trust.map(place),
    composeOverrides: site.composeOverrides.map(place),
    hosts: site.hosts.map((host) => ({
      ...login(host),
      ...(host.jump === undefined ? {} : { jump: login(host.jump) }),
      ...(host.sudo === undefined ? {} : { sudo: { password: reference(host.sudo.password) } }),
    })),
  }
}

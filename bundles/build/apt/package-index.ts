import { closeSync, openSync, readSync } from 'node:fs'
import type { Digest } from '../../format/manifest.ts'
import { parseRelations, parseStanzas, type Relation, type Stanza } from './control.ts'
import { compareVersions } from './debian-version.ts'

/** A binary package of an archive. */
export interface Package {
  name: string
  version: string
  architecture: string
  /** Pre-Depends and Depends. */
  depends: Relation[][]
  provides: Relation[]
  /** Conflicts and Breaks. */
  conflicts: Relation[]
  archive: string
  /** In the archive. */
  path: string
  sizeBytes: number
  digest: Digest
  stanza: Stanza
}

/** What an archive's suites offer, as far as a resolver asks. */
export interface PackageIndex {
  /** By name, highest version first. */
  candidates(name: string): Package[]
  /** Names of packages that provide a name, sorted. */
  providers(name: string): string[]
  /** Names of packages that every installation has: essential, or of required priority. */
  required(): string[]
}

/** One `Packages` file, unpacked on disk: the memory has only where each package's stanza lies. */
export interface PackagesFile extends PackageIndex {
  close(): void
}

interface Span {
  offset: number
  length: number
}

/** Reads the file once to learn where things are. */
export function openPackagesFile(path: string, archive: string): PackagesFile {
  const file = openSync(path, 'r')
  const spans = new Map<string, Span[]>()
  const providers = new Map<string, Set<string>>()
  const required = new Set<string>()
  const add = (text: string, offset: number, length: number): void => {
    const name = /^Package: (\S+)/m.exec(text)?.[1]
    if (name === undefined) return
    const known = spans.get(name)
    if (known === undefined) spans.set(name, [{ offset, length }])
    else known.push({ offset, length })
    if (/^(Essential: yes|Priority: required)$/m.test(text)) required.add(name)
    const provides = /^Provides: (.*)$/m.exec(text)?.[1]
    for (const [relation] of parseRelations(provides)) {
      if (relation === undefined) continue
      const names = providers.get(relation.name) ?? new Set()
      providers.set(relation.name, names.add(name))
    }
  }
  scanStanzas(file, add)
  return {
    candidates: (name) =>
      (spans.get(name) ?? [])
        .map((span) => readPackage(file, span, archive))
        .sort((one, other) => compareVersions(other.version, one.version)),
    providers: (name) => [...(providers.get(name) ?? [])].sort(),
    required: () => [...required].sort(),
    close: () => closeSync(file),
  }
}

function scanStanzas(file: number, onStanza: (text: string, offset: number, length: number) => void): void {
  const chunk = Buffer.alloc(4 * 1024 * 1024)
  let rest = Buffer.alloc(0)
  let offset = 0
  for (;;) {
    const bytesRead = readSync(file, chunk, 0, chunk.length, offset + rest.length)
    const buffer = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
    let start = 0
    for (;;) {
      const end = buffer.indexOf('\n\n', start)
      if (end < 0) break
      onStanza(buffer.toString('utf8', start, end + 1), offset + start, end + 1 - start)
      start = end + 2
    }
    if (bytesRead === 0) {
      if (start < buffer.length) onStanza(buffer.toString('utf8', start), offset + start, buffer.length - start)
      return
    }
    rest = Buffer.from(buffer.subarray(start))
    offset += start
  }
}

function readPackage(file: number, { offset, length }: Span, archive: string): Package {
  const buffer = Buffer.alloc(length)
  readSync(file, buffer, 0, length, offset)
  return packageOf(parseStanzas(buffer.toString('utf8'))[0] ?? {}, archive)
}

export function packageOf(stanza: Stanza, archive: string): Package {
  return {
    name: stanza.Package ?? '',
    version: stanza.Version ?? '',
    architecture: stanza.Architecture ?? '',
    depends: [...parseRelations(stanza['Pre-Depends']), ...parseRelations(stanza.Depends)],
    provides: parseRelations(stanza.Provides).flat(),
    conflicts: [...parseRelations(stanza.Conflicts), ...parseRelations(stanza.Breaks)].flat(),
    archive,
    path: stanza.Filename ?? '',
    sizeBytes: Number(stanza.Size),
    digest: `sha256:${stanza.SHA256}`,
    stanza,
  }
}

/** Several indexes as one; an index with `only` has nothing but these packages. */
export function mergeIndexes(indexes: { index: PackageIndex; only: string[] | undefined }[]): PackageIndex {
  const offering = (name: string) => indexes.filter(({ only }) => only === undefined || only.includes(name))
  return {
    candidates: (name) =>
      offering(name)
        .flatMap(({ index }) => index.candidates(name))
        .sort((one, other) => compareVersions(other.version, one.version)),
    providers: (name) => {
      const names = indexes.flatMap(({ index, only }) =>
        index.providers(name).filter((provider) => only === undefined || only.includes(provider)),
      )
      return [...new Set(names)].sort()
    },
    required: () =>
      [...new Set(indexes.flatMap(({ index, only }) => (only === undefined ? index.required() : [])))].sort(),
  }
}

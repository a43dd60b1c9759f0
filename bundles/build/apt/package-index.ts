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

/** Reads the file once to learn where things are; with `only`, it has nothing but these packages. */
export function openPackagesFile(path: string, archive: string, only?: readonly string[]): PackagesFile {
  const file = openSync(path, 'r')
  /** Offset and length by turns. */
  const spans = new Map<string, number[]>()
  const providers = new Map<string, Set<string>>()
  const required = new Set<string>()
  const add = (text: string, offset: number, length: number): void => {
    const found = /^Package: (\S+)/m.exec(text)?.[1]
    if (found === undefined || (only !== undefined && !only.includes(found))) return
    const name = detached(found)
    const known = spans.get(name)
    if (known === undefined) spans.set(name, [offset, length])
    else known.push(offset, length)
    if (only === undefined && /^(Essential: yes|Priority: required)$/m.test(text)) required.add(name)
    const provides = /^Provides: (.*)$/m.exec(text)?.[1]
    for (const [relation] of parseRelations(provides)) {
      if (relation === undefined) continue
      const names = providers.get(relation.name) ?? new Set()
      providers.set(detached(relation.name), names.add(name))
    }
  }
  scanStanzas(file, add)
  return {
    candidates: (name) =>
      pairs(spans.get(name) ?? [])
        .map(([offset, length]) => readPackage(file, offset, length, archive))
        .sort((one, other) => compareVersions(other.version, one.version)),
    providers: (name) => [...(providers.get(name) ?? [])].sort(),
    required: () => [...required].sort(),
    close: () => closeSync(file),
  }
}

/** A copy: a match is a view that keeps the whole stanza in memory. */
function detached(text: string): string {
  return Buffer.from(text).toString()
}

function scanStanzas(file: number, onStanza: (text: string, offset: number, length: number) => void): void {
  const chunk = Buffer.alloc(512 * 1024)
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

function pairs(numbers: number[]): [number, number][] {
  return numbers.flatMap((number, position) =>
    position % 2 === 0 ? [[number, numbers[position + 1] ?? 0] as [number, number]] : [],
  )
}

function readPackage(file: number, offset: number, length: number, archive: string): Package {
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

/** Several indexes as one. */
export function mergeIndexes(indexes: PackageIndex[]): PackageIndex {
  return {
    candidates: (name) =>
      indexes
        .flatMap((index) => index.candidates(name))
        .sort((one, other) => compareVersions(other.version, one.version)),
    providers: (name) => [...new Set(indexes.flatMap((index) => index.providers(name)))].sort(),
    required: () => [...new Set(indexes.flatMap((index) => index.required()))].sort(),
  }
}

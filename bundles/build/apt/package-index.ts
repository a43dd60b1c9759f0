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

/**
 * Reads the file once to learn where things are; with `only`, it has nothing but these packages. What stays in memory
 * is a few numbers for each package: an archive has a hundred thousand, and a resolver asks for some dozens.
 */
export function openPackagesFile(path: string, archive: string, only?: readonly string[]): PackagesFile {
  const file = openSync(path, 'r')
  const byName = new SpanTable()
  const byProvided = new SpanTable()
  const required = new Set<string>()
  scanStanzas(file, (stanza, offset) => {
    const name = fieldOf(stanza, 'Package')
    if (name === undefined || (only !== undefined && !only.includes(name))) return
    byName.add(name, offset, stanza.length)
    if (stanza.includes('\nEssential: yes\n') || stanza.includes('\nPriority: required\n')) required.add(name)
    for (const [relation] of parseRelations(fieldOf(stanza, 'Provides'))) {
      if (relation !== undefined) byProvided.add(relation.name, offset, stanza.length)
    }
  })
  const read = (table: SpanTable, key: string): Package[] =>
    table.find(key).map(({ offset, length }) => readPackage(file, offset, length, archive))
  return {
    candidates: (name) =>
      read(byName, name)
        .filter((found) => found.name === name)
        .sort((one, other) => compareVersions(other.version, one.version)),
    providers: (name) => {
      const found = read(byProvided, name).filter(({ provides }) => provides.some((relation) => relation.name === name))
      return [...new Set(found.map((provider) => provider.name))].sort()
    },
    required: () => (only === undefined ? [...required].sort() : []),
    close: () => closeSync(file),
  }
}

/** Where stanzas lie, by the hash of a name; who looks up reads the stanza and so tells equal hashes apart. */
class SpanTable {
  private readonly hashes: number[] = []
  private readonly offsets: number[] = []
  private readonly lengths: number[] = []
  private sorted: Uint32Array | undefined

  add(name: string, offset: number, length: number): void {
    this.hashes.push(hashOf(name))
    this.offsets.push(offset)
    this.lengths.push(length)
    this.sorted = undefined
  }

  find(name: string): { offset: number; length: number }[] {
    const { hashes } = this
    this.sorted ??= Uint32Array.from(hashes.keys()).sort((one, other) => (hashes[one] ?? 0) - (hashes[other] ?? 0))
    const wanted = hashOf(name)
    let low = 0
    let high = this.sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((hashes[this.sorted[middle] ?? 0] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    const found: { offset: number; length: number }[] = []
    for (; low < this.sorted.length; low += 1) {
      const position = this.sorted[low] ?? 0
      if (hashes[position] !== wanted) break
      found.push({ offset: this.offsets[position] ?? 0, length: this.lengths[position] ?? 0 })
    }
    return found
  }
}

/** FNV-1a, 32 bits. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5
  for (let position = 0; position < name.length; position += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(position), 0x01000193)
  }
  return hash >>> 0
}

/** A one-line field's value. */
function fieldOf(stanza: Buffer, field: string): string | undefined {
  const mark = `${field}: `
  const start = stanza.subarray(0, mark.length).equals(Buffer.from(mark)) ? 0 : stanza.indexOf(`\n${mark}`) + 1
  if (start === 0 && stanza.indexOf(mark) !== 0) return undefined
  const end = stanza.indexOf('\n', start)
  return stanza.toString('utf8', start + mark.length, end < 0 ? stanza.length : end)
}

/** Calls with the bytes of each stanza, valid only during the call. */
function scanStanzas(file: number, onStanza: (stanza: Buffer, offset: number) => void): void {
  let buffer = Buffer.alloc(1024 * 1024)
  let filled = 0
  let offset = 0
  for (;;) {
    if (filled === buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(buffer.length)])
    const bytesRead = readSync(file, buffer, filled, buffer.length - filled, offset + filled)
    filled += bytesRead
    let start = 0
    for (;;) {
      const end = buffer.subarray(0, filled).indexOf('\n\n', start)
      if (end < 0) break
      onStanza(buffer.subarray(start, end + 1), offset + start)
      start = end + 2
    }
    if (bytesRead === 0) {
      if (start < filled) onStanza(buffer.subarray(start, filled), offset + start)
      return
    }
    buffer.copyWithin(0, start, filled)
    filled -= start
    offset += start
  }
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

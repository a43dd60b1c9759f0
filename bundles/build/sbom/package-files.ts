import { parseStanzas, type Stanza } from '../apt/control.ts'

/** A package as the file says that installed it; of which system is known only when the whole image is. */
export interface FoundPackage {
  type: 'apk' | 'deb' | 'npm'
  name: string
  version: string
  architecture?: string | undefined
  /** Of what it was built, where that has another name: what advisories of a distribution name. */
  source?: string | undefined
}

/** What a file tells: packages, and of `os-release` the system. */
export interface FileContent {
  packages?: FoundPackage[]
  system?: { id: string; version: string | undefined }
}

interface FileReader {
  path: RegExp
  read(text: string): FileContent
}

const READERS: FileReader[] = [
  { path: /^var\/lib\/dpkg\/status$/, read: (text) => ({ packages: debPackages(text) }) },
  // Images without a package manager have a file for each package.
  { path: /^var\/lib\/dpkg\/status\.d\/[^/]+(?<!\.md5sums)$/, read: (text) => ({ packages: debPackages(text) }) },
  { path: /^(usr\/)?lib\/apk\/db\/installed$/, read: (text) => ({ packages: apkPackages(text) }) },
  { path: /(^|\/)node_modules\/(.+\/)?package\.json$/, read: (text) => ({ packages: npmPackage(text) }) },
  { path: /^(etc|usr\/lib)\/os-release$/, read: systemOf },
]

/** Databases that are there and are not read. */
const UNREAD = [{ path: /^(var|usr)\/lib\/(sysimage\/)?rpm\/(rpmdb\.sqlite|Packages(\.db)?)$/, what: 'rpm packages' }]

/** What reads a file of an image; undefined for all the others. */
export function readerOf(path: string): FileReader['read'] | undefined {
  return READERS.find((reader) => reader.path.test(path))?.read
}

/** What a file that is not read has, for a person; undefined where nothing is missed. */
export function unreadIn(path: string): string | undefined {
  return UNREAD.find((entry) => entry.path.test(path))?.what
}

function debPackages(text: string): FoundPackage[] {
  return parseStanzas(text).filter(isInstalled).flatMap(debPackage)
}

/** A package whose configuration stayed behind is listed too, and is not there. */
function isInstalled({ Status }: Stanza): boolean {
  return Status === undefined || / installed$/.test(Status)
}

/** A package by its stanza; also one of an archive's index. */
export function debPackage({ Package, Version, Architecture, Source }: Stanza): FoundPackage[] {
  if (!Package || !Version) return []
  const source = Source?.split(' ')[0]
  return [{ type: 'deb', name: Package, version: Version, architecture: Architecture, source }]
}

function apkPackages(text: string): FoundPackage[] {
  return text.split(/\n\n+/).flatMap((stanza) => {
    const field = (letter: string) => new RegExp(`^${letter}:(.*)$`, 'm').exec(stanza)?.[1]?.trim()
    const [name, version] = [field('P'), field('V')]
    if (!name || !version) return []
    return [{ type: 'apk' as const, name, version, architecture: field('A'), source: field('o') }]
  })
}

/** A `package.json` may also only say how a folder is to be read; then it has no name. */
function npmPackage(text: string): FoundPackage[] {
  const { name, version } = jsonObject(text)
  if (typeof name !== 'string' || typeof version !== 'string' || !name || !version) return []
  return [{ type: 'npm', name, version }]
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text.replace(/^\uFEFF/, ''))
    return json !== null && typeof json === 'object' ? (json as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function systemOf(text: string): FileContent {
  const field = (name: string) => new RegExp(`^${name}=["']?([^"'\\n]*)`, 'm').exec(text)?.[1]?.trim()
  const id = field('ID')
  return id ? { system: { id, version: field('VERSION_ID') || undefined } } : {}
}

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Source {
  uri: string
  suite: string
  components: string[]
}

/**
 * The `deb` lines for a Debian suite, with the mirrors that this machine's own apt uses: whatever the machine's
 * release is, the archive and the security archive of another release lie beside it.
 * `MOJABOX_LAB_DEBIAN_MIRROR` (one address) replaces them, for machines that are not Debian.
 *
 * @throws Error when no Debian mirror is configured.
 */
export function debLines(suite: string, folder = '/etc/apt'): string[] {
  const override = process.env.MOJABOX_LAB_DEBIAN_MIRROR
  if (override !== undefined) return [`deb ${override} ${suite} main`]
  const release = hostRelease()
  const sources = readSources(folder).filter((source) => source.components.includes('main'))
  const mirror = sources.find((source) => source.suite === release)
  if (mirror === undefined) {
    throw new Error(
      `reading ${folder}: no Debian mirror for ${release}; set MOJABOX_LAB_DEBIAN_MIRROR to the address of one`,
    )
  }
  const security = sources.find((source) => source.suite === `${release}-security`)
  return [
    `deb ${mirror.uri} ${suite} main`,
    ...(security === undefined ? [] : [`deb ${security.uri} ${suite}-security main`]),
  ]
}

function hostRelease(): string {
  const release = /^VERSION_CODENAME=(.+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
  return release?.replaceAll('"', '') ?? 'stable'
}

function readSources(folder: string): Source[] {
  const parts = join(folder, 'sources.list.d')
  const names = [
    'sources.list',
    ...readOptionally(() => readdirSync(parts), []).map((name) => `sources.list.d/${name}`),
  ]
  return names.flatMap((name) => {
    const text = readOptionally(() => readFileSync(join(folder, name), 'utf8'), '')
    if (name.endsWith('.sources')) return deb822Sources(text)
    return name.endsWith('.list') ? oneLineSources(text) : []
  })
}

function oneLineSources(text: string): Source[] {
  return [...text.matchAll(/^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/gm)].map(
    ([, uri = '', suite = '', rest = '']) => ({
      uri,
      suite,
      components: rest.split(/\s+/),
    }),
  )
}

function deb822Sources(text: string): Source[] {
  const uncommented = text.replaceAll(/^#.*\n/gm, '')
  return uncommented.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string) => {
      const value = new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, 'im').exec(stanza)?.[1] ?? ''
      return value.trim().split(/\s+/).filter(Boolean)
    }
    if (!field('Types').includes('deb') || field('Enabled')[0] === 'no') return []
    const components = field('Components')
    return field('URIs').flatMap((uri) => field('Suites').map((suite) => ({ uri, suite, components })))
  })
}

function readOptionally<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}

import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Origins } from '../source.ts'
import type { Spec } from '../spec.ts'
import { type AptSource, readAptSources } from './sources-list.ts'

/** Where an apt archive is, and which keys may sign it. */
export interface ArchiveAddress {
  url: URL
  /** Paths of keyrings, fingerprints, or armoured key blocks; never empty is not promised: see `release.ts`. */
  keys: string[]
}

/**
 * Addresses of the spec's archives: named with `--apt-mirror`, else from the machine's own apt configuration, where any
 * suite of an archive tells where all of them lie. Archives without an address are left out.
 */
export async function archiveAddresses(
  spec: Spec,
  origins: Pick<Origins, 'aptFolder' | 'aptMirrors' | 'aptKeyrings'>,
): Promise<Map<string, ArchiveAddress>> {
  const sources = await readAptSources(origins.aptFolder)
  const addresses = new Map<string, ArchiveAddress>()
  for (const [name, archive] of Object.entries(spec.archives)) {
    const configured = sources.find((source) => isOf(source, archive.suites))
    const named = origins.aptMirrors[name]
    const address = named ?? configured?.uris.find((uri) => /^https?:\/\//.test(uri))
    if (address === undefined) continue
    const keyring = origins.aptKeyrings[name]
    const keys = keyring !== undefined ? [keyring] : await keysOf(configured, archive.keyrings, origins.aptFolder)
    addresses.set(name, { url: new URL(address.endsWith('/') ? address : `${address}/`), keys })
  }
  return addresses
}

function isOf({ suites, uris }: AptSource, known: string[]): boolean {
  return suites.some((suite) => known.includes(suite)) && uris.some((uri) => /^https?:\/\//.test(uri))
}

/** What the configuration names; else the distribution's keyrings that are there; else all that apt trusts. */
async function keysOf(source: AptSource | undefined, keyrings: string[], aptFolder: string): Promise<string[]> {
  if (source !== undefined && source.signedBy.length > 0) return source.signedBy
  const present: string[] = []
  for (const path of keyrings) {
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      present.push(path)
  }
  if (present.length > 0 || source === undefined) return present
  const trusted = join(aptFolder, 'trusted.gpg.d')
  const names = await readdir(trusted).catch(() => [])
  return names.filter((name) => /\.(gpg|asc)$/.test(name)).map((name) => join(trusted, name))
}

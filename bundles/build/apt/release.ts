import { isDigest } from '../../format/digest.ts'
import { MojaboxError } from '../../format/error.ts'
import type { Digest } from '../../format/manifest.ts'
import { SMALL_BLOB_BYTES } from '../../format/read-artifact.ts'
import { addressOf, type Http, readBody } from '../http.ts'
import type { ArchiveAddress } from './archive-address.ts'
import { parseStanzas, type Stanza } from './control.ts'
import { verifySignedText } from './signed-text.ts'

/** A suite's signed table of contents. */
export interface Release {
  url: URL
  /** Index files by their path below the suite. */
  files: Map<string, { digest: Digest; sizeBytes: number }>
  /** Whether index files are served by digest too: then a mirror in mid-update is no matter. */
  byHash: boolean
}

interface ReleaseRequest {
  archive: string
  address: ArchiveAddress
  suite: string
  /** The `Origin` that the index must state. */
  origin: string
  http: Http
  signal: AbortSignal
  note(message: string): void
}

/**
 * A suite's `InRelease`, its signature checked.
 * @throws MojaboxError `suite-not-found`, `archive-unsigned`, `archive-wrong`
 */
export async function fetchRelease(request: ReleaseRequest): Promise<Release> {
  const { archive, address, suite, http, signal } = request
  const base = new URL(`dists/${suite}/`, address.url)
  const url = new URL('InRelease', base)
  const response = await http.get({ url, signal })
  if (response.status !== 200) {
    await response.body.dump()
    throw suiteNotFound(request, url, response.status)
  }
  const bytes = await readBody(response, SMALL_BLOB_BYTES)
  if (bytes === undefined) throw suiteNotFound(request, url, response.status)
  const text = await verifySignedText(addressOf(url), archive, bytes, address.keys, signal)
  const [stanza = {}] = parseStanzas(text)
  checkStanza(stanza, request, url)
  return { url: base, files: filesOf(stanza), byHash: stanza['Acquire-By-Hash'] === 'yes' }
}

/** A good signature of another suite or distribution is still the wrong thing. */
function checkStanza(stanza: Stanza, { suite, origin, archive, note }: ReleaseRequest, url: URL): void {
  const names = [stanza.Suite, stanza.Codename].filter((name) => name !== undefined)
  // Debian's security archive calls its suites `bookworm-security` and, in older ones, `bookworm/updates`.
  const isSuite = names.includes(suite) || names.includes(suite.replace(/-security$/, '/updates'))
  if (stanza.Origin !== origin || !isSuite) {
    throw new MojaboxError({
      code: 'archive-wrong',
      kind: 'usage',
      message: `reading ${addressOf(url)}: another archive than the spec means`,
      found: `${stanza.Origin} ${names.join(' ')}`,
      needed: `${origin} ${suite}`,
      next: `name the right one: --apt-mirror ${archive}=URL`,
    })
  }
  const until = Date.parse(stanza['Valid-Until'] ?? '')
  if (until < Date.now()) note(`${addressOf(url)} was valid until ${stanza['Valid-Until']}: its packages may be old`)
}

function filesOf(stanza: Stanza): Release['files'] {
  const files: Release['files'] = new Map()
  for (const line of (stanza.SHA256 ?? '').split('\n')) {
    const [hex, size, path] = line.trim().split(/\s+/)
    const digest = `sha256:${hex}`
    if (path !== undefined && isDigest(digest)) files.set(path, { digest, sizeBytes: Number(size) })
  }
  return files
}

function suiteNotFound({ archive, suite }: ReleaseRequest, url: URL, status: number): MojaboxError {
  return new MojaboxError({
    code: 'suite-not-found',
    kind: status === 404 ? 'usage' : 'host',
    message: `reading the suite ${suite} of ${archive}: no index`,
    found: `the answer ${status} for ${addressOf(url)}`,
    needed: `the archive's InRelease of ${suite}`,
    next: `name an archive that has it (--apt-mirror ${archive}=URL), or build without it (--distribution NAMES)`,
  })
}

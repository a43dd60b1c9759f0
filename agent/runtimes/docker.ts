import { Readable } from 'node:stream'
import { Agent, request } from 'undici'
import { MojaboxError } from '../../bundles/format/error.ts'

const SOCKET = '/var/run/docker.sock'
/** A pull may wait a long time for the desk: the engine bounds it, not the socket. */
const dispatcher = new Agent({ connect: { socketPath: SOCKET }, headersTimeout: 0, bodyTimeout: 0 })

export interface DockerImage {
  /** The configuration's digest in the classic store, the manifest's in the containerd store. */
  id: string
  /** Familiar names, such as `redis:8.0`. */
  tags: string[]
}

/** Docker's short form of a full reference: `docker.io/library/redis:8.0` is `redis:8.0`. */
export function familiarName(reference: string): string {
  return reference.replace(/^docker\.io\//, '').replace(/^library\//, '')
}

async function call(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  signal?: AbortSignal,
  body?: Readable,
): Promise<string> {
  try {
    const sent = body && { body, headers: { 'content-type': 'application/x-tar' } }
    const response = await request(`http://docker${path}`, { method, dispatcher, ...(signal && { signal }), ...sent })
    const text = await response.body.text()
    if (response.statusCode < 400) return text
    throw dockerError(`${method} ${path}`, `${response.statusCode} ${messageIn(text)}`)
  } catch (error) {
    if (error instanceof MojaboxError || signal?.aborted) throw error
    throw dockerError(`${method} ${path}`, error instanceof Error ? error.message : String(error), error)
  }
}

/** Images with a name, or those of one familiar name; one request, which containerd's store answers slowly for many. */
export async function listImages(signal?: AbortSignal, name?: string): Promise<DockerImage[]> {
  const only = name === undefined ? '' : `?${new URLSearchParams({ filters: JSON.stringify({ reference: [name] }) })}`
  const images: { Id: string; RepoTags: string[] | null }[] = JSON.parse(
    await call('GET', `/images/json${only}`, signal),
  )
  return images.map((image) => ({ id: image.Id, tags: image.RepoTags ?? [] }))
}

/** The ID of the image of that full name among these; undefined where there is none. */
export function imageIdIn(images: readonly DockerImage[], name: string): string | undefined {
  return images.find(({ tags }) => tags.includes(familiarName(name)))?.id
}

/** The diff IDs of an image's layers, from the lowest on; none when the image has gone meanwhile. */
export async function diffIdsOf(id: string, signal?: AbortSignal): Promise<string[]> {
  const text = await call('GET', `/images/${encodeURIComponent(id)}/json`, signal).catch((error: unknown) => {
    if (signal?.aborted) throw error
    return '{}'
  })
  const { RootFS } = JSON.parse(text) as { RootFS?: { Layers?: string[] | null } }
  return RootFS?.Layers ?? []
}

/** Docker 23 (API 1.42) is the first that takes layers compressed with zstd. */
export async function readsZstd(signal?: AbortSignal): Promise<boolean> {
  const { ApiVersion } = JSON.parse(await call('GET', '/version', signal)) as { ApiVersion: string }
  return Number(ApiVersion.replace(/^1\./, '')) >= 42
}

/** Pulls `repository:tag`; the daemon retries a cut body by itself. @throws MojaboxError `docker-failed` */
export async function pullImage(repository: string, tag: string, signal: AbortSignal): Promise<void> {
  const query = new URLSearchParams({ fromImage: repository, tag })
  refuseError(await call('POST', `/images/create?${query}`, signal), `pulling ${repository}:${tag}`)
}

/** Gives the daemon an archive of images, as `docker load` does. @throws MojaboxError `docker-failed` */
export async function loadImages(archive: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
  refuseError(await call('POST', '/images/load?quiet=1', signal, Readable.from(archive)), 'loading an archive')
}

/** The daemon tells an error that comes late in a line of its answer. */
function refuseError(answer: string, what: string): void {
  for (const line of answer.split('\n').filter((text) => text.trim() !== '')) {
    const { error } = JSON.parse(line) as { error?: string }
    if (error) throw dockerError(what, error)
  }
}

export async function tagImage(source: string, repository: string, tag: string): Promise<void> {
  await call('POST', `/images/${encodeURIComponent(source)}/tag?${new URLSearchParams({ repo: repository, tag })}`)
}

/** Takes a name (or, with an ID, the image) away; parents stay when `keepParents`. */
export async function removeImage(reference: string, keepParents = false): Promise<void> {
  await call('DELETE', `/images/${encodeURIComponent(reference)}?noprune=${keepParents}`)
}

/** Splits `repository:tag`; the tag is what follows the last colon after the last slash. */
export function splitReference(reference: string): { repository: string; tag: string } {
  const colon = reference.lastIndexOf(':')
  if (colon < reference.lastIndexOf('/')) return { repository: reference, tag: 'latest' }
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) }
}

function messageIn(text: string): string {
  try {
    return String(JSON.parse(text).message)
  } catch {
    return text.slice(0, 500)
  }
}

function dockerError(what: string, found: string, cause?: unknown): MojaboxError {
  return new MojaboxError(
    {
      code: /no space left on device/.test(found) ? 'disk-full' : 'docker-failed',
      kind: 'step',
      message: `Docker refused: ${what}`,
      found,
      needed: 'a Docker daemon that answers on /var/run/docker.sock and has room for the images',
      next: 'see `journalctl -u docker -n 50` and `df -h /var/lib/docker` on the node, then run the same command again',
    },
    { cause },
  )
}

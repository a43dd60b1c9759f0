import { digestOf, isDigest } from '../../format/digest.ts'
import { MojaboxError } from '../../format/error.ts'
import { type Descriptor, MEDIA_TYPES } from '../../format/manifest.ts'
import { SMALL_BLOB_BYTES } from '../../format/read-artifact.ts'
import { parseJson } from '../../format/read-document.ts'
import type { OpenOrigin } from '../cache.ts'
import { addressOf, getFrom, type Http, type HttpRequest, type HttpResponse, readBody } from '../http.ts'
import type { CredentialsOf } from './credentials.ts'
import { type ImageOrigin, type RawManifest, unsupported } from './origin.ts'
import { parseReference, type Reference } from './reference.ts'
import { authorize, isLoopback, unauthorised } from './registry-token.ts'

export interface RegistryOptions {
  http: Http
  credentialsOf: CredentialsOf
  /** From a registry's name to the HOST:PORT that has its images. */
  mirrors: Readonly<Record<string, string>>
  /** HOST:PORT of registries without TLS; loopback needs no mention. */
  plainHttp: readonly string[]
  signal: AbortSignal
}

const MANIFEST_TYPES = [MEDIA_TYPES.index, MEDIA_TYPES.manifest, MEDIA_TYPES.dockerList, MEDIA_TYPES.dockerManifest]

/** An image in a registry that speaks the OCI distribution API, or in the mirror that stands for it. */
export function registryOrigin(name: string, options: RegistryOptions): ImageOrigin {
  const reference = parseReference(name)
  if (reference === undefined) throw new Error(`${name} is no full reference`)
  const session = new RegistrySession(reference, name, options)
  return {
    top: () => session.manifest(reference.digest ?? reference.tag ?? ''),
    manifest: (descriptor) => session.manifest(descriptor.digest),
    blob: (descriptor) => session.blob(descriptor),
  }
}

/** Keeps the token that the registry gave for this repository. */
class RegistrySession {
  private readonly base: URL
  private readonly host: string
  private readonly repository: string
  private readonly name: string
  private readonly options: RegistryOptions
  private authorization: Promise<string> | undefined

  constructor({ registry, repository }: Reference, name: string, options: RegistryOptions) {
    this.host = options.mirrors[registry] ?? registry
    this.repository = repository
    this.name = name
    this.options = options
    const address = this.host === 'docker.io' ? 'registry-1.docker.io' : this.host
    this.base = new URL(`${this.isPlain(address) ? 'http' : 'https'}://${address}/v2/${repository}/`)
  }

  /** By tag or digest; a digest is checked, and so is what the registry says that a tag's is. */
  async manifest(which: string): Promise<RawManifest> {
    const url = new URL(`manifests/${which}`, this.base)
    const { signal } = this.options
    const response = await this.get({ url, signal, headers: { accept: MANIFEST_TYPES.join(', ') } })
    if (response.status !== 200) throw await this.refusal(url, response)
    const bytes = await readBody(response, SMALL_BLOB_BYTES)
    if (bytes === undefined) throw tooLarge(this.name)
    const digest = digestOf(bytes)
    const said = isDigest(which) ? which : response.headers['docker-content-digest']
    if (typeof said === 'string' && said.startsWith('sha256:') && said !== digest)
      throw mismatch(this.name, said, digest)
    const mediaType = mediaTypeOf(bytes, response)
    if (!MANIFEST_TYPES.some((type) => type === mediaType)) throw unsupported(this.name, mediaType || 'no media type')
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes }
  }

  blob(descriptor: Descriptor): OpenOrigin {
    const url = new URL(`blobs/${descriptor.digest}`, this.base)
    const http = { get: (request: HttpRequest) => this.get(request) }
    return async (offsetBytes) => {
      const response = await getFrom(http, { url, signal: this.options.signal }, offsetBytes)
      if (response.status !== 200 && response.status !== 206) throw await this.refusal(url, response)
      return { startBytes: response.startBytes, stream: response.body }
    }
  }

  private isPlain(host: string): boolean {
    return isLoopback(host) || this.options.plainHttp.includes(host)
  }

  /** With the token; a 401 is answered with a new one, as tokens last for minutes only. */
  private async get(request: HttpRequest): Promise<HttpResponse> {
    const { http, credentialsOf, signal } = this.options
    const used = this.authorization
    const response = await http.get(await withAuthorization(request, used))
    // Where the registry leads to may ask for credentials too; they are not for it.
    if (response.status !== 401 || response.url.origin !== this.base.origin) return response
    await response.body.dump()
    if (this.authorization === used) {
      const { name, host, repository } = this
      const challenge = String(response.headers['www-authenticate'] ?? '')
      const isPlain = (address: string): boolean => this.isPlain(address)
      this.authorization = authorize({ name, host, repository, challenge, credentialsOf, http, isPlain, signal })
    }
    return await http.get(await withAuthorization(request, this.authorization))
  }

  private async refusal(url: URL, response: HttpResponse): Promise<MojaboxError> {
    await response.body.dump()
    const { status } = response
    if (status === 401 || status === 403) return unauthorised(this.name, this.host, `the answer ${status}`)
    if (status === 404) return notFound(this.name, url)
    return new MojaboxError({
      code: 'registry-refused',
      kind: 'host',
      message: `getting ${this.name}: the registry refuses`,
      found: `the answer ${status} for ${addressOf(url)}`,
      needed: 'the answer 200',
      next: 'check the registry, then run the same command again: it goes on where it stopped',
    })
  }
}

async function withAuthorization(request: HttpRequest, given: Promise<string> | undefined): Promise<HttpRequest> {
  return given === undefined ? request : { ...request, headers: { ...request.headers, authorization: await given } }
}

function tooLarge(name: string): MojaboxError {
  return new MojaboxError({
    code: 'manifest-too-large',
    kind: 'bundle',
    message: `getting ${name}: its manifest is too large`,
    found: `more than ${SMALL_BLOB_BYTES} bytes`,
    needed: `at most ${SMALL_BLOB_BYTES} bytes`,
    next: 'check the name of the image',
  })
}

/** The document's own word first: a registry that serves files may not know the type. */
function mediaTypeOf(bytes: Buffer, response: HttpResponse): string {
  const header =
    String(response.headers['content-type'] ?? '')
      .split(';')[0]
      ?.trim() ?? ''
  const { mediaType } = Object(parseJson(bytes)) as { mediaType?: unknown }
  return typeof mediaType === 'string' ? mediaType : header
}

function notFound(name: string, url: URL): MojaboxError {
  return new MojaboxError({
    code: 'image-not-found',
    kind: 'usage',
    message: `getting ${name}: the registry does not have it`,
    found: `404 for ${addressOf(url)}`,
    needed: 'an image of this name and tag',
    next: `correct the name in the spec, or take it from elsewhere: --mirror REGISTRY=HOST:PORT, --image ${name}=FILE`,
  })
}

function mismatch(name: string, needed: string, found: string): MojaboxError {
  return new MojaboxError({
    code: 'digest-mismatch',
    kind: 'bundle',
    message: `getting ${name}: what arrived is not what was named`,
    found,
    needed,
    next: 'run the same command again; if it stays so, the registry serves damaged content: use another with --mirror',
  })
}

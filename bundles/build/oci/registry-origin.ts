import { digestOf, isDigest } from '../../format/digest.ts'
import { MojaboxError } from '../../format/error.ts'
import { type Descriptor, MEDIA_TYPES } from '../../format/manifest.ts'
import { SMALL_BLOB_BYTES } from '../../format/read-artifact.ts'
import type { OpenOrigin } from '../cache.ts'
import { addressOf, type Http, type HttpResponse } from '../http.ts'
import type { CredentialsOf } from './credentials.ts'
import type { ImageOrigin, RawManifest } from './origin.ts'
import { parseReference, type Reference } from './reference.ts'

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
  private readonly repository: string
  private readonly host: string
  private authorization: string | undefined
  private readonly name: string
  private readonly options: RegistryOptions

  constructor({ registry, repository }: Reference, name: string, options: RegistryOptions) {
    this.host = options.mirrors[registry] ?? registry
    const address = this.host === 'docker.io' ? 'registry-1.docker.io' : this.host
    const scheme = isLoopback(address) || options.plainHttp.includes(address) ? 'http' : 'https'
    this.base = new URL(`${scheme}://${address}/v2/${repository}/`)
    this.repository = repository
    this.name = name
    this.options = options
  }

  /** By tag or digest; a digest is checked, and so is what the registry says that a tag's is. */
  async manifest(which: string): Promise<RawManifest> {
    const url = new URL(`manifests/${which}`, this.base)
    const response = await this.get(url, { accept: MANIFEST_TYPES.join(', ') })
    const bytes = Buffer.from(await readLimited(response, this.name))
    const digest = digestOf(bytes)
    const said = isDigest(which) ? which : response.headers['docker-content-digest']
    if (typeof said === 'string' && said.startsWith('sha256:') && said !== digest) throw this.mismatch(said, digest)
    const mediaType = mediaTypeOf(bytes, response)
    if (!MANIFEST_TYPES.some((type) => type === mediaType)) throw this.notAnImage(mediaType)
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes }
  }

  blob(descriptor: Descriptor): OpenOrigin {
    const url = new URL(`blobs/${descriptor.digest}`, this.base)
    return async (offsetBytes) => {
      const response = await this.get(url, offsetBytes === 0 ? {} : { range: `bytes=${offsetBytes}-` })
      return { startBytes: response.status === 206 ? offsetBytes : 0, stream: response.body }
    }
  }

  private async get(url: URL, headers: Record<string, string>): Promise<HttpResponse> {
    const { http, signal } = this.options
    const send = () =>
      http.get({
        url,
        signal,
        headers: { ...headers, ...(this.authorization === undefined ? {} : { authorization: this.authorization }) },
      })
    let response = await send()
    if (response.status === 401) {
      await response.body.dump()
      this.authorization = await this.authorize(String(response.headers['www-authenticate'] ?? ''))
      response = await send()
    }
    if (response.status === 416 && headers.range !== undefined) {
      await response.body.dump()
      return this.get(url, {})
    }
    if (response.status === 200 || response.status === 206) return response
    await response.body.dump()
    throw this.refusal(url, response)
  }

  /** What to send as `authorization`, from the challenge of a 401. */
  private async authorize(challenge: string): Promise<string> {
    const basic = this.options.credentialsOf(this.host)
    const { scheme, parameters } = parseChallenge(challenge)
    if (scheme === 'basic' && basic !== undefined) return `Basic ${basic}`
    if (scheme !== 'bearer' || parameters.realm === undefined)
      throw this.unauthorised(`the answer 401 (${scheme || 'no challenge'})`)
    const url = new URL(parameters.realm)
    if (parameters.service !== undefined) url.searchParams.set('service', parameters.service)
    url.searchParams.set('scope', parameters.scope ?? `repository:${this.repository}:pull`)
    // A password goes only where TLS protects it, or nowhere off this machine.
    const mayTell = url.protocol === 'https:' || isLoopback(url.host) || this.options.plainHttp.includes(url.host)
    const headers: Record<string, string> = basic === undefined || !mayTell ? {} : { authorization: `Basic ${basic}` }
    const response = await this.options.http.get({ url, headers, signal: this.options.signal })
    if (response.status !== 200) {
      await response.body.dump()
      throw this.unauthorised(`${addressOf(url)} answered ${response.status}`)
    }
    const { token, access_token: accessToken } = (await response.body.json()) as {
      token?: string
      access_token?: string
    }
    const given = token ?? accessToken
    if (given === undefined) throw this.unauthorised(`${addressOf(url)} gave no token`)
    return `Bearer ${given}`
  }

  private refusal(url: URL, response: HttpResponse): MojaboxError {
    if (response.status === 401 || response.status === 403) return this.unauthorised(`the answer ${response.status}`)
    if (response.status === 404) {
      return new MojaboxError({
        code: 'image-not-found',
        kind: 'usage',
        message: `getting ${this.name}: the registry does not have it`,
        found: `404 for ${addressOf(url)}`,
        needed: 'an image of this name and tag',
        next: `correct the name in the spec, or take it from elsewhere: --mirror REGISTRY=HOST:PORT, --image ${this.name}=FILE`,
      })
    }
    return new MojaboxError({
      code: 'registry-refused',
      kind: 'host',
      message: `getting ${this.name}: the registry refuses`,
      found: `the answer ${response.status} for ${addressOf(url)}`,
      needed: 'the answer 200',
      next: 'check the registry, then run the same command again: it goes on where it stopped',
    })
  }

  private unauthorised(found: string): MojaboxError {
    return new MojaboxError({
      code: 'registry-unauthorised',
      kind: 'host',
      message: `getting ${this.name}: not authorised, or no such image`,
      found,
      needed: `the right to pull ${this.repository}`,
      next: `check the name; for a private image: docker login ${this.host}`,
    })
  }

  private mismatch(needed: string, found: string): MojaboxError {
    return new MojaboxError({
      code: 'digest-mismatch',
      kind: 'bundle',
      message: `getting ${this.name}: what arrived is not what was named`,
      found,
      needed,
      next: 'run the same command again; if it stays so, the registry serves damaged content: use another with --mirror',
    })
  }

  private notAnImage(mediaType: string): MojaboxError {
    return new MojaboxError({
      code: 'image-unsupported',
      kind: 'usage',
      message: `getting ${this.name}: not an image that mojabox can carry`,
      found: mediaType || 'no media type',
      needed: 'an OCI image or Docker image manifest of schema version 2',
      next: 'have the image pushed again by a current tool',
    })
  }
}

async function readLimited(response: HttpResponse, name: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of response.body) {
    sizeBytes += chunk.length
    if (sizeBytes > SMALL_BLOB_BYTES) {
      response.body.destroy()
      throw new MojaboxError({
        code: 'manifest-too-large',
        kind: 'bundle',
        message: `getting ${name}: its manifest is too large`,
        found: `more than ${SMALL_BLOB_BYTES} bytes`,
        needed: 'a manifest',
      })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The document's own word first: a registry that serves files may not know the type. */
function mediaTypeOf(bytes: Buffer, response: HttpResponse): string {
  const header =
    String(response.headers['content-type'] ?? '')
      .split(';')[0]
      ?.trim() ?? ''
  try {
    const { mediaType } = JSON.parse(bytes.toString('utf8')) as { mediaType?: unknown }
    return typeof mediaType === 'string' ? mediaType : header
  } catch {
    return header
  }
}

export function parseChallenge(challenge: string): { scheme: string; parameters: Record<string, string> } {
  const scheme = /^\S+/.exec(challenge)?.[0]?.toLowerCase() ?? ''
  const parameters = Object.fromEntries(
    [...challenge.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)].map(([, name = '', quoted, bare]) => [
      name.toLowerCase(),
      quoted ?? bare ?? '',
    ]),
  )
  return { scheme, parameters }
}

/** Whether HOST:PORT is this machine itself, where plain HTTP is safe. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '')
  return name === 'localhost' || name === '[::1]' || /^127(\.\d+){3}$/.test(name)
}

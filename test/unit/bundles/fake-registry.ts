import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { digestOf } from '../../../bundles/format/digest.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'

/** A registry in this process: plain HTTP on loopback, with faults that tests switch on. */
export interface FakeRegistry {
  /** HOST:PORT. */
  host: string
  /** Paths that were asked for, with the range where one was. */
  requests: string[]
  /** Called first; true when it has answered. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined
  blobs: Map<Digest, Buffer>
  /** Stores bytes and gives their descriptor. */
  put(mediaType: string, bytes: Buffer | object): StoredBlob
  /** Makes a manifest be what a tag stands for. */
  tag(repository: string, tag: string, manifest: StoredBlob): void
  close(): Promise<void>
}

export interface StoredBlob {
  mediaType: string
  digest: Digest
  size: number
}

export const OCI = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const

export const DOCKER = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  index: 'application/vnd.docker.distribution.manifest.list.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const

export async function startFakeRegistry(): Promise<FakeRegistry> {
  const types = new Map<Digest, string>()
  const tags = new Map<string, Digest>()
  const server: Server = createServer((request, response) => serve(registry, types, tags, request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const registry: FakeRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    intercept: undefined,
    blobs: new Map(),
    put(mediaType, content) {
      const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content))
      const digest: Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
      registry.blobs.set(digest, bytes)
      types.set(digest, mediaType)
      return { mediaType, digest, size: bytes.length }
    },
    tag: (repository, tag, { digest }) => void tags.set(`${repository}:${tag}`, digest),
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return registry
}

function serve(
  registry: FakeRegistry,
  types: Map<Digest, string>,
  tags: Map<string, Digest>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const path = request.url ?? ''
  registry.requests.push(request.headers.range === undefined ? path : `${path} ${request.headers.range}`)
  if (registry.intercept?.(request, response)) return
  const [, repository = '', kind, reference = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(path) ?? []
  const digest = (reference.startsWith('sha256:') ? reference : tags.get(`${repository}:${reference}`)) as Digest
  const bytes = registry.blobs.get(digest)
  if (bytes === undefined) {
    response.writeHead(404).end()
    return
  }
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const headers = {
    'content-type': kind === 'blobs' ? 'application/octet-stream' : (types.get(digest) ?? ''),
    'docker-content-digest': digest,
    'content-length': bytes.length - start,
  }
  response.writeHead(start > 0 ? 206 : 200, headers).end(bytes.subarray(start))
}

/** Puts an image of the given layers (their unpacked content) for one platform; gives its manifest. */
export function putImage(
  registry: FakeRegistry,
  layers: (string | Buffer)[],
  { architecture = 'amd64', types = OCI }: { architecture?: string; types?: typeof OCI | typeof DOCKER } = {},
): StoredBlob {
  const stored = layers.map((content) => registry.put(types.layer, gzipSync(content)))
  const diffIds = layers.map((content) => digestOf(content))
  const config = registry.put(types.config, {
    architecture,
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: diffIds },
  })
  return registry.put(types.manifest, { schemaVersion: 2, mediaType: types.manifest, config, layers: stored })
}

/** Puts an index of one image for each architecture; gives the index. */
export function putMultiPlatformImage(
  registry: FakeRegistry,
  architectures: string[],
  types: typeof OCI | typeof DOCKER = OCI,
): StoredBlob {
  const manifests = architectures.map((architecture) => ({
    ...putImage(registry, [`layer for ${architecture}`], { architecture, types }),
    platform: { architecture, os: 'linux' },
  }))
  const attestation = registry.put(OCI.manifest, { schemaVersion: 2, config: {}, layers: [] })
  const unknown = { ...attestation, platform: { architecture: 'unknown', os: 'unknown' } }
  return registry.put(types.index, { schemaVersion: 2, mediaType: types.index, manifests: [...manifests, unknown] })
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Descriptor, Digest } from '../../bundles/format/manifest.ts'
import { answerBlob, type MirrorBlob, notFound } from './answer-blob.ts'

/** What the mirror offers: manifests by image name or digest, blobs by digest. Anything else is 404. */
export interface MirrorContent {
  manifest(reference: string): Promise<{ descriptor: Descriptor; bytes: Buffer } | undefined>
  blob(digest: Digest): Promise<MirrorBlob | undefined>
}

export interface Mirror {
  /** `127.0.0.1:PORT`, a registry name that every Docker daemon trusts without TLS. */
  address: string
  close(): Promise<void>
}

const MANIFEST = /^\/v2\/(.+)\/manifests\/([^/]+)$/
const BLOB = /^\/v2\/.+\/blobs\/(sha256:[0-9a-f]{64})$/

/**
 * A read-only registry (OCI distribution specification 1.1, pull only) on the loopback. An image `docker.io/a/b:1` is
 * found under `ADDRESS/docker.io/a/b:1`. Ranges are always honoured: a daemon whose body was cut asks for the rest.
 */
export async function serveMirror(content: MirrorContent): Promise<Mirror> {
  const server = createServer((request, response) => {
    answer(content, request, response).catch((error) => {
      if (response.headersSent) response.destroy(error instanceof Error ? error : undefined)
      else response.writeHead(500).end()
    })
  })
  server.requestTimeout = 0
  server.headersTimeout = 0
  server.timeout = 0
  server.keepAliveTimeout = 1_000
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(content: MirrorContent, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('Docker-Distribution-API-Version', 'registry/2.0')
  if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405).end()
  const path = pathOf(request.url ?? '/')
  if (path === undefined) return void response.writeHead(400).end()
  if (path === '/v2/' || path === '/v2') return void response.writeHead(200).end('{}')
  const named = MANIFEST.exec(path)
  const digest = BLOB.exec(path)?.[1]
  if (named?.[1] && named[2]) return answerManifest(content, named[1], named[2], request, response)
  if (digest) return answerBlob(await content.blob(digest as Digest), digest as Digest, request, response)
  return void notFound(response, 'NAME_UNKNOWN')
}

/** Undefined where that is no address. */
function pathOf(url: string): string | undefined {
  try {
    return decodeURIComponent(new URL(url, 'http://mirror').pathname)
  } catch {
    return undefined
  }
}

async function answerManifest(
  content: MirrorContent,
  name: string,
  reference: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const found = await content.manifest(reference.startsWith('sha256:') ? reference : `${name}:${reference}`)
  if (!found) return notFound(response, 'MANIFEST_UNKNOWN')
  response.writeHead(200, {
    'Content-Type': found.descriptor.mediaType,
    'Content-Length': found.bytes.length,
    'Docker-Content-Digest': found.descriptor.digest,
  })
  response.end(request.method === 'HEAD' ? undefined : found.bytes)
}

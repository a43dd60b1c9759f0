import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { Digest } from '../../bundles/format/manifest.ts'
import { isSeedingTicket } from '../contract/seeding-ticket.ts'
import { answerBlob, type MirrorBlob, notFound } from './answer-blob.ts'
import { listenAt } from './listen-at.ts'
import type { RunIdentity } from './run-identity.ts'

/** What may be handed on now, and nothing else. */
export type SeedContent = (digest: Digest) => Promise<MirrorBlob | undefined>

export interface SeedServer {
  port: number
  close(): Promise<void>
}

const HANDSHAKE_LIMIT_MS = 10_000
/** Far more than a run's hosts take at once: whoever floods the port makes them turn to the desk, and costs no more. */
const MAX_CONNECTIONS = 256
const BLOB = /^\/blobs\/(sha256:[0-9a-f]{64})$/

/**
 * Hands on blobs to the other hosts of a run, listening as `listenAt` does: TLS 1.3 only; the one who comes shows a
 * certificate and the ticket for it, the one who serves a certificate whose fingerprint is known there.
 * @throws Error of the system when no port can be had
 */
export async function serveSeeds(identity: RunIdentity, address: string, content: SeedContent): Promise<SeedServer> {
  const server = createServer(
    {
      key: identity.key,
      cert: identity.certificate,
      minVersion: 'TLSv1.3',
      requestCert: true,
      // Nobody signs these certificates: the desk vouches for them.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_LIMIT_MS,
    },
    (request, response) => {
      if (!isAdmitted(identity.secret, request)) request.socket.destroy()
      else answer(content, request, response).catch(() => response.destroy())
    },
  )
  server.headersTimeout = HANDSHAKE_LIMIT_MS
  server.maxConnections = MAX_CONNECTIONS
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  const port = await listenAt(server, address)
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Who shows a certificate, and the ticket that was made for it. */
function isAdmitted(secret: string, { socket, headers }: IncomingMessage): boolean {
  const shown = (socket as TLSSocket).getPeerX509Certificate()
  const [, ticket] = /^Bearer ([0-9a-f]+)$/.exec(headers.authorization ?? '') ?? []
  return shown !== undefined && ticket !== undefined && isSeedingTicket(ticket, secret, shown.fingerprint256)
}

async function answer(content: SeedContent, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405).end()
  const digest = BLOB.exec(request.url ?? '')?.[1] as Digest | undefined
  if (!digest) return notFound(response, 'NAME_UNKNOWN')
  await answerBlob(await content(digest), digest, request, response)
}

import { rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { NODE_PATHS } from '../contract/paths.ts'
import type { NodeStatus } from '../contract/status.ts'

/** More ask than a desk and a few curious people: the rest are turned away. */
const MAX_CONNECTIONS = 64
/** Who connects has this long to ask, so that silence keeps nobody else away. */
const ASK_LIMIT_MS = 5_000

/**
 * The agent's unix socket: any user of this machine may ask how the hub is; nobody can tell the agent to do anything.
 * @param look how it is; bounds what many who ask cost
 * @returns takes the socket away
 */
export async function serveStatus(look: () => Promise<NodeStatus>): Promise<() => Promise<void>> {
  const limits = {
    headersTimeout: ASK_LIMIT_MS,
    requestTimeout: ASK_LIMIT_MS,
    connectionsCheckingInterval: ASK_LIMIT_MS,
  }
  const server = createServer(limits, (request, response) => {
    if (request.method !== 'GET' || request.url !== '/status') return void response.writeHead(404).end()
    look().then(
      (status) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(status)),
      (error) => response.writeHead(500).end(String(error)),
    )
  })
  server.maxConnections = MAX_CONNECTIONS
  await rm(NODE_PATHS.agentSocket, { force: true })
  const open = { path: NODE_PATHS.agentSocket, readableAll: true, writableAll: true }
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(open, resolve))
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
}

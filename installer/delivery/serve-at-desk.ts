import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import pLimit from 'p-limit'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { PageLink } from './page-link.ts'

export interface DeskPage {
  /** `http://127.0.0.1:9470/` */
  url: string
  close(): Promise<void>
}

/** Of sshd's ten sessions on one connection, and of the node's memory, that much does for any number of browsers. */
const QUESTIONS_AT_ONCE = 2
/** Longest that one answer of the node may take, milliseconds. */
const LIMIT_MS = 30_000
/** One more than there can be kept connections that have just been closed. */
const MAX_TRIES = 3
/** What of a browser's question the node has to know. `Host` too: the node refuses whoever was led here. */
const PASSED = ['host', 'accept']

/**
 * Serves a node's page on the desk's own loopback: what is asked there is asked of the node, nothing is kept.
 * @throws MojaboxError `port-taken` when `port` was asked for and is not free; without one any free port will do
 */
export async function serveAtDesk(link: PageLink, port: number | undefined, wanted: number): Promise<DeskPage> {
  const inTurn = pLimit(QUESTIONS_AT_ONCE)
  const server = createServer((request, response) => {
    request.resume()
    void inTurn(async () => {
      // Whoever has gone while waiting needs no answer.
      if (response.destroyed) return
      const over = new Promise((resolve) => response.once('close', resolve))
      pass(link, request, response)
      await over
    })
  })
  const listen = (on: number) =>
    new Promise<void>((resolve, reject) => server.once('error', reject).listen(on, '127.0.0.1', resolve))
  if (port !== undefined) await listen(port).catch((cause) => Promise.reject(portTaken(port, cause)))
  else await listen(wanted).catch(() => listen(0))
  const address = server.address()
  const actual = typeof address === 'object' && address ? address.port : wanted
  return {
    url: `http://127.0.0.1:${actual}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function pass(link: PageLink, request: IncomingMessage, response: ServerResponse, tries = 1): void {
  const method = request.method ?? 'GET'
  if (method !== 'GET' && method !== 'HEAD')
    return void fail(response, 405, 'this page can be looked at; it takes no orders')
  const headers = Object.fromEntries(PASSED.flatMap((name) => [[name, String(request.headers[name] ?? '')]]))
  const asked = link.ask(method, request.url ?? '/', headers)
  const limit = setTimeout(() => asked.destroy(new Error(`no answer in ${LIMIT_MS / 1000} s`)), LIMIT_MS)
  response.once('close', () => {
    clearTimeout(limit)
    // A browser that went away; one that was answered leaves the connection for the next question.
    if (!response.writableFinished) asked.destroy()
  })
  asked.once('response', (answer) => {
    const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...kept } = answer.headers
    response.writeHead(answer.statusCode ?? 502, kept)
    answer.once('error', () => response.destroy())
    answer.pipe(response)
  })
  asked.on('error', (error) => {
    if (response.headersSent || response.destroyed) return void response.destroy()
    clearTimeout(limit)
    // The node closes a connection that was quiet for long, and just then it may have been taken for the next question.
    if (asked.reusedSocket && tries < MAX_TRIES) return void pass(link, request, response, tries + 1)
    fail(
      response,
      502,
      error instanceof MojaboxError ? error.facts.message : `the node cannot be asked: ${error.message}`,
    )
  })
  asked.end()
}

function fail(response: ServerResponse, code: number, message: string): void {
  response.writeHead(code, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  response.end(`${JSON.stringify({ message })}\n`)
}

function portTaken(port: number, cause: unknown): MojaboxError {
  return new MojaboxError(
    {
      code: 'port-taken',
      kind: 'usage',
      message: `127.0.0.1:${port} cannot be listened on at this desk`,
      found: cause instanceof Error ? cause.message : String(cause),
      needed: 'a free port',
      next: 'leave --port out, or name another',
    },
    { cause },
  )
}

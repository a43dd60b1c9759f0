import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { METRICS_TYPE } from './metrics.ts'

/** What the page asks for; each gives JSON, or text. */
export interface PageContent {
  asset(name: string): Promise<string | undefined>
  status(): Promise<unknown>
  history(): Promise<unknown>
  events(): Promise<unknown>
  reports(): Promise<unknown>
  /** The text of one report; undefined when there is none. */
  report(run: string): Promise<string | undefined>
  metrics(): Promise<string>
}

export interface Page {
  /** `127.0.0.1:9470` */
  address: string
  port: number
  close(): Promise<void>
}

/** Who asks under another name was led here by a page of somebody else's (DNS rebinding). */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i

/** Nothing from elsewhere, nothing inline, no frame around it, no form, no text taken for markup. */
const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

/**
 * The page and its data, read-only, on the node's loopback. Nothing that is asked for here makes the agent do anything.
 * @throws what listening throws: EADDRINUSE when the port is taken
 */
export async function servePage(content: PageContent, port: number): Promise<Page> {
  const server = createServer({
    maxHeaderSize: 8 * 1024,
    requestTimeout: 10_000,
    headersTimeout: 5_000,
    // Node looks every 30 s otherwise: so long could who says nothing keep others away.
    connectionsCheckingInterval: 5_000,
  })
  server.on('request', (request, response) => {
    answer(content, request, response).catch(() => {
      if (response.headersSent) response.destroy()
      else say(response, 500, 'the agent could not find that out')
    })
  })
  server.maxConnections = 64
  // An open page asks every few seconds.
  server.keepAliveTimeout = 30_000
  const listening = await listen(server, port)
  return {
    address: `127.0.0.1:${listening}`,
    port: listening,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address ? address.port : port
}

async function answer(content: PageContent, request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
  // A body has nothing to say here; what is not read would hold the connection up.
  request.resume()
  if (!LOOPBACK.test(request.headers.host ?? '')) return say(response, 421, 'this page is served as 127.0.0.1 only')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD')
    return say(response, 405, 'this page can be looked at; it takes no orders')
  }
  const [path = '/'] = (request.url ?? '/').split(/[?#]/)
  if (path === '/metrics') return send(response, METRICS_TYPE, await content.metrics())
  if (path.startsWith('/api/')) return answerData(content, path, response)
  const name = path === '/' ? 'page.html' : path.slice(1)
  const asset = await content.asset(name)
  if (asset === undefined) return say(response, 404, 'there is nothing here')
  send(response, TYPES[name.split('.').at(-1) ?? ''] ?? 'text/plain; charset=utf-8', asset)
}

async function answerData(content: PageContent, path: string, response: ServerResponse): Promise<void> {
  const report = /^\/api\/reports\/([^/]+)$/.exec(path)?.[1]
  const text = report === undefined ? await documentOf(content, path) : await content.report(report)
  if (text === undefined) return say(response, 404, 'there is nothing here')
  send(response, 'application/json; charset=utf-8', text)
}

async function documentOf(content: PageContent, path: string): Promise<string | undefined> {
  const documents: Record<string, () => Promise<unknown>> = {
    '/api/status': () => content.status(),
    '/api/history': () => content.history(),
    '/api/events': () => content.events(),
    '/api/reports': () => content.reports(),
  }
  const ask = Object.hasOwn(documents, path) ? documents[path] : undefined
  return ask && JSON.stringify(await ask())
}

function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  // Node leaves the body of an answer to HEAD away.
  response.end(body)
}

function say(response: ServerResponse, code: number, message: string): void {
  const body = `${JSON.stringify({ message })}\n`
  response.writeHead(code, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}

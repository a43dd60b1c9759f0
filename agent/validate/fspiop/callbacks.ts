import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MojaboxError } from '../../../bundles/format/error.ts'

/** What the hub sent to one of the test DFSPs. */
export interface Callback {
  dfsp: string
  method: string
  /** Without the DFSP's own part: `/transfers/<id>` */
  path: string
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>
  text: string
  /** Parsed; undefined when it is no JSON. */
  body: unknown
}

type Match = (callback: Callback) => boolean

const BODY_LIMIT = 64 * 1024
/** Of what nobody asked for, so many are kept. */
const KEPT = 200

/**
 * Where the hub reaches the test DFSPs: one port, a path for each. A callback that comes before it is waited for is kept,
 * and each is handed out once.
 */
export class Callbacks {
  readonly url: string
  /** Told of each callback for one of the test DFSPs, as it comes. */
  onCallback: (callback: Callback) => void = () => {}
  private readonly unclaimed: Callback[] = []
  private readonly waiting = new Set<{ match: Match; resolve: (callback: Callback) => void }>()
  private readonly server
  private readonly dfsps: readonly string[]

  private constructor(server: ReturnType<typeof createServer>, dfsps: readonly string[]) {
    this.server = server
    this.dfsps = dfsps
    const { address, port } = server.address() as AddressInfo
    this.url = `http://${address}:${port}`
    server.on('request', (request, response) => void this.answer(request, response))
  }

  /**
   * Listens at that address alone.
   * @throws MojaboxError `callbacks-unavailable`
   */
  static async listen(address: string, port: number, dfsps: readonly string[]): Promise<Callbacks> {
    const server = createServer()
    try {
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve))
    } catch (cause) {
      throw unavailable(address, port, cause)
    }
    return new Callbacks(server, dfsps)
  }

  /** The next callback of that kind; undefined when none comes in time. @throws the signal's reason */
  async next(match: Match, timeoutMs: number, signal: AbortSignal): Promise<Callback | undefined> {
    signal.throwIfAborted()
    const index = this.unclaimed.findIndex(match)
    if (index >= 0) return this.unclaimed.splice(index, 1)[0]
    const { promise, resolve, reject } = Promise.withResolvers<Callback | undefined>()
    const waiter = { match, resolve }
    const timer = setTimeout(() => resolve(undefined), timeoutMs)
    const stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    this.waiting.add(waiter)
    try {
      return await promise
    } finally {
      this.waiting.delete(waiter)
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve))
    this.server.closeAllConnections()
    await closed
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const callback = await this.read(request).catch(() => undefined)
    if (!callback) return void response.writeHead(404).end()
    // Answered first: the hub's part is done, whatever becomes of it here.
    response.writeHead(callback.method === 'PUT' || callback.method === 'PATCH' ? 200 : 202).end()
    this.onCallback(callback)
    for (const waiter of this.waiting) {
      if (!waiter.match(callback)) continue
      this.waiting.delete(waiter)
      return waiter.resolve(callback)
    }
    this.unclaimed.push(callback)
    if (this.unclaimed.length > KEPT) this.unclaimed.shift()
  }

  /** Undefined when it is for nobody here, or too large. */
  private async read(request: IncomingMessage): Promise<Callback | undefined> {
    const [, dfsp = '', ...rest] = (request.url ?? '').split('?', 1)[0]?.split('/') ?? []
    if (!this.dfsps.includes(dfsp)) return undefined
    let text = ''
    request.setEncoding('utf8')
    for await (const piece of request) {
      text += piece
      if (text.length > BODY_LIMIT) return undefined
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
    )
    const path = `/${rest.map(decodeURIComponent).join('/')}`
    return { dfsp, method: request.method ?? '', path, headers, text, body: parsed(text) }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unavailable(address: string, port: number, cause: unknown): MojaboxError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const reasons: Record<string, string> = {
    EADDRINUSE: 'something else listens there',
    EADDRNOTAVAIL: 'this machine does not have that address',
  }
  return new MojaboxError(
    {
      code: 'callbacks-unavailable',
      kind: 'step',
      message: `listening for the hub's callbacks at ${address}:${port}: ${reasons[code] ?? code}`,
      needed: `port ${port} free there, or another one in settings.ports`,
      next: `ss -ltnp 'sport = :${port}'`,
    },
    { cause },
  )
}

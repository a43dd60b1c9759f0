import { setTimeout as sleep } from 'node:timers/promises'
import { getCACertificates } from 'node:tls'
import pRetry from 'p-retry'
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { MojaboxError } from '../format/error.ts'

export interface HttpRequest {
  url: URL
  method?: 'GET' | 'HEAD'
  headers?: Record<string, string>
  signal: AbortSignal
}

export interface HttpResponse {
  url: URL
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Dispatcher.ResponseData['body']
}

/** Gets things over HTTP: redirects followed, faults that pass tried again. */
export interface Http {
  /**
   * The answer, whatever its status, but for the passing ones (429, 5xx): those are tried again first.
   * The caller reads or dumps the body.
   * @throws MojaboxError `http-unreachable`
   */
  get(request: HttpRequest): Promise<HttpResponse>
  close(): Promise<void>
}

export interface HttpOptions {
  /** Tries after the first; default 4. */
  retries?: number | undefined
  /** Wait before the first new try, doubled each time; default 500. */
  retryDelayMs?: number | undefined
}

/** Opens content at an offset: asks for the rest, and copes with servers that always send all. */
export async function getFrom(
  http: Pick<Http, 'get'>,
  request: HttpRequest,
  offsetBytes: number,
): Promise<HttpResponse & { startBytes: number }> {
  const range = { ...request.headers, range: `bytes=${offsetBytes}-` }
  const response = await http.get(offsetBytes === 0 ? request : { ...request, headers: range })
  if (response.status === 416) {
    await response.body.dump()
    return { ...(await http.get(request)), startBytes: 0 }
  }
  return { ...response, startBytes: response.status === 206 ? offsetBytes : 0 }
}

/**
 * A small body, whole; the rest of a larger one is left.
 * @returns undefined when it is larger than `maxBytes`
 */
export async function readBody({ body }: HttpResponse, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of body) {
    sizeBytes += chunk.length
    if (sizeBytes > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const MAX_REDIRECTS = 6

/** A fault that may pass: worth a new try. */
export class PassingFault extends Error {
  /** What the server asked to wait, in milliseconds. */
  readonly retryAfterMs: number
  constructor(message: string, options?: { cause?: unknown; retryAfterMs?: number }) {
    super(message, options)
    this.name = 'PassingFault'
    this.retryAfterMs = options?.retryAfterMs ?? 0
  }
}

/** Honours `https_proxy`, `http_proxy` and `no_proxy`, and the certificates that the machine trusts. */
export function createHttp(options: HttpOptions = {}): Http {
  const agent = new EnvHttpProxyAgent({
    connect: { timeout: 15_000, ca: trustedCertificates() },
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
    connections: 16,
  })
  return {
    async get(wanted) {
      try {
        return await withRetries(() => follow(agent, wanted), wanted.signal, options)
      } catch (error) {
        if (error instanceof PassingFault) throw unreachable(wanted.url, error)
        throw error
      }
    },
    close: () => agent.destroy(),
  }
}

/**
 * Runs a task again while it fails with a `PassingFault`, waiting longer each time.
 * @throws what the last try threw
 */
export async function withRetries<T>(task: () => Promise<T>, signal: AbortSignal, options: HttpOptions): Promise<T> {
  return await pRetry(task, {
    retries: options.retries ?? 4,
    minTimeout: options.retryDelayMs ?? 500,
    maxTimeout: 15_000,
    factor: 2,
    signal,
    shouldRetry: ({ error }) => error instanceof PassingFault,
    onFailedAttempt: async ({ error, retriesLeft }) => {
      if (error instanceof PassingFault && error.retryAfterMs > 0 && retriesLeft > 0) {
        await sleep(Math.min(error.retryAfterMs, 60_000), undefined, { signal })
      }
    },
  })
}

async function follow(agent: Dispatcher, wanted: HttpRequest): Promise<HttpResponse> {
  let { url } = wanted
  let headers = wanted.headers ?? {}
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const response = await send(agent, { ...wanted, url, headers })
    const location = response.headers.location
    if (response.status < 300 || response.status >= 400 || typeof location !== 'string') return response
    await response.body.dump()
    const target = URL.canParse(location, url.href) ? new URL(location, url) : undefined
    if (target === undefined || !/^https?:$/.test(target.protocol)) throw invalidRedirect(url, location)
    if (url.protocol === 'https:' && target.protocol !== 'https:') throw insecureRedirect(url, target)
    // A storage server is not the registry: it must not see the registry's token.
    if (target.origin !== url.origin) headers = withoutAuthorization(headers)
    url = target
  }
  throw new MojaboxError({
    code: 'http-redirects',
    kind: 'host',
    message: `getting ${addressOf(wanted.url)}: redirected again and again`,
    found: `more than ${MAX_REDIRECTS} redirects`,
    needed: 'an answer',
  })
}

async function send(agent: Dispatcher, wanted: HttpRequest): Promise<HttpResponse> {
  const { url, signal } = wanted
  try {
    const { statusCode, headers, body } = await request(url, {
      dispatcher: agent,
      method: wanted.method ?? 'GET',
      headers: { 'user-agent': 'mojabox', 'accept-encoding': 'identity', ...wanted.headers },
      signal,
    })
    if (statusCode === 429 || statusCode >= 500) {
      await body.dump()
      throw new PassingFault(`getting ${addressOf(url)}: the server answered ${statusCode}`, {
        retryAfterMs: retryAfterMs(headers['retry-after']),
      })
    }
    return { url, status: statusCode, headers, body }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof PassingFault) throw error
    throw networkFault(url, error)
  }
}

/** A network error is worth a new try, but for those that only a person can mend. */
function networkFault(url: URL, error: unknown): Error {
  const { code = '', message } = error as NodeJS.ErrnoException
  const permanent =
    code === 'ENOTFOUND' ||
    code.startsWith('ERR_TLS') ||
    code.includes('CERT') ||
    code === 'ERR_SSL_WRONG_VERSION_NUMBER'
  if (permanent) return unreachable(url, error)
  return new PassingFault(`getting ${addressOf(url)}: ${code || message}`, { cause: error })
}

/** The failure to tell when every try failed. */
function unreachable(url: URL, error: unknown): MojaboxError {
  const { code = '', message } = (
    error instanceof PassingFault ? (error.cause ?? error) : error
  ) as NodeJS.ErrnoException
  const tls = code.startsWith('ERR_TLS') || code.includes('CERT') || code.startsWith('ERR_SSL')
  const next = tls
    ? `make this machine trust the certificate (NODE_EXTRA_CA_CERTS=FILE), or --plain-http ${url.host} for a registry without TLS`
    : 'check the address and the network (https_proxy, no_proxy) or name a mirror (--mirror, --apt-mirror), then run the same command again: it goes on where it stopped'
  return new MojaboxError(
    {
      code: 'http-unreachable',
      kind: 'host',
      message: `getting ${addressOf(url)}: no answer`,
      found: [code, message.split('\n')[0]].filter(Boolean).join(': '),
      needed: `an answer from ${url.host}`,
      next,
    },
    { cause: error },
  )
}

function invalidRedirect(url: URL, location: string): MojaboxError {
  return new MojaboxError({
    code: 'http-redirect-invalid',
    kind: 'host',
    message: `getting ${addressOf(url)}: redirected to what is no address on the web`,
    found: JSON.stringify(location.slice(0, 200).replace(/\?.*/s, '')),
    needed: 'an address with https or http',
  })
}

function insecureRedirect(url: URL, target: URL): MojaboxError {
  return new MojaboxError({
    code: 'http-insecure-redirect',
    kind: 'host',
    message: `getting ${addressOf(url)}: redirected from TLS to plain HTTP`,
    found: addressOf(target),
    needed: 'an address with https',
  })
}

/** An address without user, password and query: the query of a storage server is a credential. */
export function addressOf(url: URL): string {
  return `${url.origin}${url.pathname}`
}

function withoutAuthorization(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'))
}

function retryAfterMs(value: string | string[] | undefined): number {
  const seconds = Number(value)
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0
}

/** Node trusts its own list only; docker and apt trust the machine's, so both together. */
function trustedCertificates(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]
}

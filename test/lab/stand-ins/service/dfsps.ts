import { request } from 'node:http'
import type { Documents } from './document.ts'
import type { Signatures } from './signatures.ts'

interface Told {
  dfsp: string
  /** As central-ledger names it, without `FSPIOP_CALLBACK_URL_`. */
  endpoint: string
  method: string
  /** From the resource on; what the DFSP's own address has before it is its own affair. */
  path: string
  headers: Record<string, string>
  /** As text where it is handed on as it came. */
  body?: unknown
}

/** Reaches DFSPs where central-ledger says that they are, with nothing that FSPIOP's documents do not know. */
export class Dfsps {
  private readonly ledgerUrl: string
  private readonly keptMs: number
  private readonly documents: Documents
  private readonly signatures: Signatures | undefined
  private readonly known = new Map<string, { endpoints: Map<string, string>; until: number }>()

  constructor(options: {
    ledgerUrl: string
    keptMs: number
    documents: Documents
    signatures?: Signatures | undefined
  }) {
    this.ledgerUrl = options.ledgerUrl
    this.keptMs = options.keptMs
    this.documents = options.documents
    this.signatures = options.signatures
  }

  /** @throws Error when the message is not one of FSPIOP, when the DFSP is nowhere, or when it does not take it */
  async tell({ dfsp, endpoint, method, path, headers, body }: Told): Promise<void> {
    const url = await this.addressOf(dfsp, endpoint, path)
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const sent = { ...headers, ...(method !== 'PUT' && method !== 'PATCH' && { accept: acceptOf(headers) }) }
    if (text !== undefined) this.signatures?.sign({ method, path, headers: sent, text })
    const message = { method, path, headers: sent, body: text === undefined ? undefined : JSON.parse(text) }
    const fault = this.documents.requestFault(message)
    if (fault) throw new Error(`${method} ${path} to ${dfsp} is not FSPIOP: ${fault.words}`)
    const status = await sendExactly(url, method, sent, text)
    if (status >= 300) throw new Error(`${dfsp} answers ${method} ${url} with ${status}`)
  }

  /** Does the ledger know a participant of that name? */
  async exists(dfsp: string): Promise<boolean> {
    return (await fetch(`${this.ledgerUrl}/participants/${encodeURIComponent(dfsp)}`)).ok
  }

  private async addressOf(dfsp: string, endpoint: string, path: string): Promise<string> {
    const template = (await this.endpointsOf(dfsp)).get(`FSPIOP_CALLBACK_URL_${endpoint}`)
    if (template === undefined) throw new Error(`${dfsp} has no endpoint ${endpoint}`)
    // A quote's endpoint is only the beginning of the address.
    if (endpoint === 'QUOTES') return template + path
    const [, , first = '', second = ''] = path.split('/')
    const values: Record<string, string> = { transferId: first, partyIdType: first, partyIdentifier: second }
    return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? '')
  }

  private async endpointsOf(dfsp: string): Promise<Map<string, string>> {
    const kept = this.known.get(dfsp)
    if (kept && kept.until > Date.now()) return kept.endpoints
    const response = await fetch(`${this.ledgerUrl}/participants/${encodeURIComponent(dfsp)}/endpoints`)
    const listed = response.ok ? ((await response.json()) as { type: string; value: string }[]) : []
    const endpoints = new Map(listed.map(({ type, value }) => [type, value]))
    this.known.set(dfsp, { endpoints, until: Date.now() + this.keptMs })
    return endpoints
  }
}

/** With these headers alone: `fetch` would add an `accept` that an answer must not have. */
function sendExactly(url: string, method: string, headers: Record<string, string>, text = ''): Promise<number> {
  const length = text === '' ? {} : { 'content-length': String(Buffer.byteLength(text)) }
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...headers, ...length }, timeout: 10_000, agent: false }
    const sent = request(url, options, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    })
    sent.on('timeout', () => sent.destroy(new Error(`no answer of ${url}`))).on('error', reject)
    sent.end(text)
  })
}

/** Of a message that the hub itself has to say. */
export function hubHeaders(resource: string, source: string, destination: string): Record<string, string> {
  return {
    'content-type': `application/vnd.interoperability.${resource}+json;version=2.0`,
    date: new Date().toUTCString(),
    'fspiop-source': source,
    'fspiop-destination': destination,
  }
}

const HANDED_ON = /^(content-type|date|fspiop-.*)$/

/** Of a message that is handed on as it came. */
export function handedOn(headers: Record<string, string>): Record<string, string> {
  const kept = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  return Object.fromEntries(kept.filter(([name]) => HANDED_ON.test(name)))
}

function acceptOf(headers: Record<string, string>): string {
  return (headers['content-type'] ?? '').replace(/version=(\d+)\.\d+/, 'version=$1')
}

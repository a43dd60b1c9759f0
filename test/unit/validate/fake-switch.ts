import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { unitsOf } from '../../../agent/deployments/core-test-harness/ledger-api.ts'
import { fulfils } from '../../../agent/validate/fspiop/ilp.ts'
import type { FakeLedger } from '../ledger/fake-ledger.ts'

interface Transfer {
  order: string
  payer: string
  payee: string
  units: bigint
  condition: string
  states: string[]
  changes: { name: string; units: bigint }[]
  fulfilment?: string
}

interface Received {
  method: string
  path: string
  headers: IncomingMessage['headers']
  // biome-ignore lint/suspicious/noExplicitAny: a fake takes what comes
  body: any
}

/** As much of what DFSPs see of a hub as mojabox uses: lookups, quotes and transfers, with the positions in a FakeLedger. */
export class FakeSwitch {
  keepsEndpointsMs = 0
  private readonly endpoints = new Map<string, { value: string; atMs: number }>()
  readonly requests: Received[] = []
  readonly transfers = new Map<string, Transfer>()
  readonly parties = new Map<string, string>()
  oracles: string[] = []
  /** Does what is sent to DFSPs arrive? */
  delivers = true
  /** What its handlers do, each of which a test may stop. */
  handles = { prepare: true, fulfil: true, timeout: true }
  /** Called with each message to a DFSP before it is sent; false keeps it back. */
  onMessage: (method: string, path: string, body: unknown) => boolean = () => true
  /** Carries out every transfer so many times over. */
  times = 1
  liquidityCheck = true
  duplicateCheck = true
  private readonly ledger: FakeLedger
  private readonly server = createServer((request, response) => {
    void this.read(request).then((received) => {
      const [status, body] = this.answer(received)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}))
    })
  })

  constructor(ledger: FakeLedger) {
    this.ledger = ledger
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    return (this.server.address() as AddressInfo).port
  }

  close(): Promise<unknown> {
    this.server.closeAllConnections()
    return new Promise((resolve) => this.server.close(resolve))
  }

  changesOf(transferId: string, name: string): bigint[] {
    return (this.transfers.get(transferId)?.changes ?? [])
      .filter((change) => change.name === name)
      .map(({ units }) => units)
  }

  /** Transfers whose money is set aside. */
  underWay(): number {
    return [...this.transfers.values()].filter(({ states }) => states.at(-1) === 'RESERVED').length
  }

  private async read(request: IncomingMessage): Promise<Received> {
    let text = ''
    for await (const piece of request) text += piece
    const received = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: text === '' ? undefined : JSON.parse(text),
    }
    this.requests.push(received)
    return received
  }

  private answer(received: Received): [number, unknown?] {
    const { method, path, headers } = received
    if (path.startsWith('/oracles')) return this.answerOracles(received)
    const wrong = wrongHeaders(received)
    if (wrong) return [400, { errorInformation: { errorCode: '3101', errorDescription: wrong } }]
    const source = String(headers['fspiop-source'])
    void this.handle(received, source).catch(() => {})
    return [method === 'PUT' ? 200 : 202]
  }

  private answerOracles({ method, body }: Received): [number, unknown?] {
    if (method === 'GET') return [200, this.oracles.map(() => ({ oracleIdType: 'MSISDN' }))]
    this.oracles.push(body.endpoint.value)
    return [201]
  }

  private async handle({ method, path, headers, body }: Received, source: string): Promise<void> {
    const [, resource, first = '', second = ''] = path.split('/')
    const destination = String(headers['fspiop-destination'] ?? '')
    const route = `${method} ${resource}`
    if (route === 'POST participants') return this.addParty(second, source)
    if (route === 'DELETE participants') return void this.parties.delete(second)
    if (route === 'GET parties') return this.tell(this.parties.get(second) ?? source, 'PARTIES_GET', method, path)
    if (route === 'PUT parties') return this.tell(destination, 'PARTIES_PUT', method, path, body)
    if (resource === 'quotes') return this.tell(destination, 'QUOTES', method, path, body)
    if (route === 'POST transfers') return this.prepare(source, body)
    if (route === 'PUT transfers') return second === 'error' ? this.abort(first) : this.fulfil(first, body)
  }

  private async addParty(number: string, fspId: string): Promise<void> {
    const known = this.parties.has(number)
    this.parties.set(number, fspId)
    const path = `/participants/MSISDN/${number}`
    if (known) return this.refuse(fspId, 'PARTICIPANT_PUT', path, '3003', 'Add Party information error')
    return this.tell(fspId, 'PARTICIPANT_PUT', 'PUT', path, { partyList: [] })
  }

  // biome-ignore lint/suspicious/noExplicitAny: a fake takes what comes
  private async prepare(source: string, order: any): Promise<void> {
    if (!this.handles.prepare) return
    const { transferId, payerFsp: payer, payeeFsp: payee, condition } = order
    const path = `/transfers/${transferId}`
    const known = this.transfers.get(transferId)
    if (known && this.duplicateCheck) {
      if (known.order !== JSON.stringify(order))
        return this.refuse(source, 'TRANSFER', path, '3106', 'Modified request')
      return this.tell(source, 'TRANSFER_PUT', 'PUT', path, { transferState: known.states.at(-1) })
    }
    const units = unitsOf(order.amount.amount)
    const transfer = { order: JSON.stringify(order), payer, payee, units, condition, states: ['RESERVED'], changes: [] }
    const cover = this.ledger.funds(payer, 'USD')
    if (this.liquidityCheck && this.ledger.position(payer, 'USD') + units > cover) {
      transfer.states = ['ABORTED_REJECTED']
      this.transfers.set(transferId, transfer)
      return this.refuse(source, 'TRANSFER', path, '4001', 'Payer FSP insufficient liquidity')
    }
    this.transfers.set(transferId, transfer)
    for (let time = 0; time < this.times; time += 1) this.move(transferId, payer, units)
    void this.expire(transferId, Date.parse(order.expiration) - Date.now())
    return this.tell(payee, 'TRANSFER_POST', 'POST', '/transfers', order)
  }

  // biome-ignore lint/suspicious/noExplicitAny: a fake takes what comes
  private async fulfil(transferId: string, body: any): Promise<void> {
    const transfer = this.transfers.get(transferId)
    if (!this.handles.fulfil || transfer?.states.at(-1) !== 'RESERVED' || !fulfils(body.fulfilment, transfer.condition))
      return
    for (let time = 0; time < this.times; time += 1) this.move(transferId, transfer.payee, -transfer.units)
    transfer.states.push('RECEIVED_FULFIL', 'COMMITTED')
    const path = `/transfers/${transferId}`
    const told = { ...body, transferState: 'COMMITTED' }
    await this.tell(transfer.payer, 'TRANSFER_PUT', 'PUT', path, told)
    await this.tell(transfer.payee, 'TRANSFER_PUT', body.transferState === 'RESERVED' ? 'PATCH' : 'PUT', path, told)
  }

  private async abort(transferId: string): Promise<void> {
    const transfer = this.transfers.get(transferId)
    if (!this.handles.fulfil || transfer?.states.at(-1) !== 'RESERVED') return
    transfer.states.push('RECEIVED_ERROR', 'ABORTED_ERROR')
    this.move(transferId, transfer.payer, -transfer.units)
  }

  private async expire(transferId: string, inMs: number): Promise<void> {
    await delay(Math.max(0, inMs), undefined, { ref: false })
    const transfer = this.transfers.get(transferId)
    if (!this.handles.timeout || transfer?.states.at(-1) !== 'RESERVED') return
    transfer.states.push('RESERVED_TIMEOUT', 'EXPIRED_RESERVED')
    this.move(transferId, transfer.payer, -transfer.units)
    await this.refuse(transfer.payer, 'TRANSFER', `/transfers/${transferId}`, '3303', 'Transfer expired')
  }

  private move(transferId: string, name: string, units: bigint): void {
    this.ledger.movePosition(name, 'USD', units)
    this.transfers.get(transferId)?.changes.push({ name, units })
  }

  private refuse(dfsp: string, kind: string, path: string, errorCode: string, errorDescription: string): Promise<void> {
    return this.tell(dfsp, `${kind}_ERROR`, 'PUT', `${path}/error`, {
      errorInformation: { errorCode, errorDescription },
    })
  }

  /** As the real ones do, it keeps an address for a while. */
  private endpointOf(name: string): string {
    const kept = this.endpoints.get(name)
    if (kept && performance.now() - kept.atMs < this.keepsEndpointsMs) return kept.value
    const value = this.ledger.endpoints.get(name) ?? ''
    this.endpoints.set(name, { value, atMs: performance.now() })
    return value
  }

  /** To where that DFSP wants it: what the ledger knows of it must agree with the path. */
  private async tell(dfsp: string, kind: string, method: string, path: string, body?: unknown): Promise<void> {
    if (!this.delivers || !this.onMessage(method, path, body)) return
    const template = this.endpointOf(`${dfsp} FSPIOP_CALLBACK_URL_${kind}`)
    const [, , id = '', number = ''] = path.split('/')
    const url = template
      .replace('{{transferId}}', id)
      .replace('{{partyIdType}}', id)
      .replace('{{partyIdentifier}}', number)
      .concat(kind === 'QUOTES' ? path : '')
    if (!url.endsWith(path)) throw new Error(`${kind} leads to ${url}`)
    const init: RequestInit = { method, headers: { 'fspiop-source': 'Hub', 'content-type': 'application/json' } }
    if (body !== undefined) init.body = JSON.stringify(body)
    await fetch(url, init)
  }
}

/** What the real services refuse. */
function wrongHeaders({ method, path, headers }: Received): string | undefined {
  const [, resource = ''] = path.split('/')
  const type = new RegExp(`^application/vnd\\.interoperability\\.${resource}\\+json;version=`)
  if (!type.test(headers['content-type'] ?? '')) return 'Invalid content-type header'
  if (method === 'PUT' ? headers.accept !== undefined : !type.test(headers.accept ?? '')) return 'Invalid accept header'
  if (Number.isNaN(Date.parse(headers.date ?? ''))) return 'Missing date header'
  return headers['fspiop-source'] ? undefined : 'Missing fspiop-source header'
}

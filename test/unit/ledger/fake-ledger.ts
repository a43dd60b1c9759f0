import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decimalOf, unitsOf } from '../../../agent/deployments/core-test-harness/ledger-api.ts'

interface Account {
  id: number
  participant: string
  ledgerAccountType: string
  currency: string
  units: bigint
  /** Has a position, so that it is listed with its value. */
  open: boolean
}

interface Order {
  transferId: string
  action: string
  account: number
  units: bigint
}

interface Transfer {
  account: number
  units: bigint
  states: string[]
  changes: bigint[]
}

/**
 * As much of central-ledger 19.5.5's admin API as mojabox uses: orders of funds are queued, and carried out when the
 * handler works, each transfer id once.
 */
export class FakeLedger {
  readonly requests: string[] = []
  readonly transfers = new Map<string, Transfer>()
  readonly settlementModels: string[] = []
  readonly limits = new Map<string, string>()
  /** By participant and type. */
  readonly endpoints = new Map<string, string>()
  /** So many endpoints are refused before one is taken: its table is locked. */
  locks = 0
  /** Does the handler read what is queued? */
  handling = true
  /** Carries out an order as often as it comes: a broken ledger. */
  carryOutDuplicates = false
  /** Ids noted as seen although nothing moved, as after a handler's crash. */
  readonly burned = new Set<string>()
  /** Called with each order before it is carried out. */
  onOrder: (order: Order) => void = () => {}
  private readonly queue: Order[] = []
  private readonly all: Account[] = []
  private readonly server = createServer((request, response) => void this.answer(request, response))

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    return this.url
  }

  /** Before `listen`, one at which nobody answers. */
  get url(): string {
    const address = this.server.address() as AddressInfo | null
    return `http://127.0.0.1:${address?.port ?? 1}`
  }

  close(): Promise<unknown> {
    this.server.closeAllConnections()
    return new Promise((resolve) => this.server.close(resolve))
  }

  /** A participant with its accounts open and so much in the settlement account. */
  addParticipant(name: string, currency: string, funds: bigint): void {
    this.addAccount(name, 'POSITION', currency, true)
    this.addAccount(name, 'SETTLEMENT', currency, true).units = -funds
    this.limits.set(`${name} ${currency}`, '1000')
  }

  /** Of each change on an account: its transfer, how much, and the transfer's state now. */
  movesOf(account: number): string[] {
    const own = [...this.transfers].filter(([, transfer]) => transfer.account === account)
    return own.flatMap(([id, { changes, states }]) =>
      changes.map((change) => `${id}\t${decimalOf(change)}\t${states.at(-1)}`),
    )
  }

  funds(name: string, currency: string): bigint {
    return -(this.account(name, 'SETTLEMENT', currency)?.units ?? 0n)
  }

  position(name: string, currency: string): bigint {
    return this.account(name, 'POSITION', currency)?.units ?? 0n
  }

  movePosition(name: string, currency: string, units: bigint): void {
    const account = this.account(name, 'POSITION', currency)
    if (account) account.units += units
  }

  accountNames(): string[] {
    return this.all.map(
      ({ participant, ledgerAccountType, currency }) => `${participant} ${ledgerAccountType} ${currency}`,
    )
  }

  /** The handler's turn. */
  work(): void {
    while (this.handling) {
      const order = this.queue.shift()
      if (!order) return
      this.onOrder(order)
      if (!this.burned.has(order.transferId)) this.carryOut(order)
    }
  }

  private carryOut(order: Order): void {
    const known = this.transfers.get(order.transferId)
    if (order.action === 'recordFundsOutCommit') {
      if (known?.states.at(-1) === 'RESERVED') known.states.push('RECEIVED_FULFIL', 'COMMITTED')
      return
    }
    if (known && !this.carryOutDuplicates) return
    const account = this.all.find(({ id }) => id === order.account)
    if (!account) return
    const change = order.action === 'recordFundsIn' ? -order.units : order.units
    account.units += change
    const states = order.action === 'recordFundsIn' ? ['RESERVED', 'COMMITTED'] : ['RESERVED']
    if (known) known.changes.push(change)
    else this.transfers.set(order.transferId, { account: account.id, units: order.units, states, changes: [change] })
  }

  private addAccount(participant: string, ledgerAccountType: string, currency: string, open: boolean): Account {
    const account = { id: this.all.length + 1, participant, ledgerAccountType, currency, units: 0n, open }
    this.all.push(account)
    return account
  }

  private account(participant: string, type: string, currency: string): Account | undefined {
    return this.all.find(
      (found) => found.participant === participant && found.ledgerAccountType === type && found.currency === currency,
    )
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const text = Buffer.concat(pieces).toString()
    const url = new URL(request.url ?? '/', 'http://ledger')
    this.requests.push(`${request.method} ${url.pathname}`)
    // biome-ignore lint/suspicious/noExplicitAny: a fake takes what comes
    const [status, body] = this.handle(request.method ?? '', url, text === '' ? {} : (JSON.parse(text) as any))
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(body === undefined ? '' : JSON.stringify(body))
    // The handler comes after the API has answered.
    setImmediate(() => this.work())
  }

  // biome-ignore lint/suspicious/noExplicitAny: a fake takes what comes
  private handle(method: string, url: URL, body: any): [number, unknown?] {
    const parts = url.pathname.split('/').filter(Boolean)
    const route = `${method} ${parts.length} ${parts[0]} ${parts[2] ?? ''}`.trim()
    const name = parts[1] ?? ''
    switch (route) {
      case 'GET 1 participants':
        return [200, this.listParticipants()]
      case 'POST 1 participants':
        return this.createParticipant(body.name, body.currency)
      case 'GET 1 settlementModels':
        return [200, this.settlementModels.map((model) => ({ name: model, currency: 'USD' }))]
      case 'POST 1 settlementModels':
        this.settlementModels.push(body.name)
        return [201]
      case 'GET 3 participants accounts':
        return this.listAccounts(name)
      case 'POST 3 participants accounts':
        this.addAccount(name, body.type, body.currency, true)
        return [201, {}]
      case 'POST 3 participants initialPositionAndLimits':
        for (const account of this.all)
          if (account.participant === name && account.currency === body.currency) account.open = true
        this.limits.set(`${name} ${body.currency}`, String(body.limit.value))
        return [201]
      case 'GET 3 participants limits':
        return [200, this.limitOf(name, url.searchParams.get('currency') ?? '')]
      case 'PUT 3 participants limits':
        this.limits.set(`${name} ${body.currency}`, String(body.limit.value))
        return [200, {}]
      case 'GET 3 participants endpoints':
        return [200, this.listEndpoints(name)]
      case 'POST 3 participants endpoints':
        if (this.locks > 0) {
          this.locks -= 1
          return refusal(500, '2001', 'Internal server error - insert into `participantEndpoint`')
        }
        this.endpoints.set(`${name} ${body.type}`, body.value)
        return [201]
      case 'POST 4 participants accounts':
        this.queue.push({
          transferId: body.transferId,
          action: body.action,
          account: Number(parts[3]),
          units: unitsOf(body.amount.amount),
        })
        return [202]
      case 'PUT 6 participants accounts':
        this.queue.push({ transferId: parts[5] ?? '', action: body.action, account: Number(parts[3]), units: 0n })
        return [202]
      default:
        return refusal(404, '3200', `Not Found - ${route}`)
    }
  }

  private listParticipants(): unknown {
    const names = [...new Set(['Hub', ...this.all.map(({ participant }) => participant)])]
    return names.map((name) => ({
      name,
      accounts: this.all.filter(({ participant }) => participant === name).map(plain),
    }))
  }

  private createParticipant(name: string, currency: string): [number, unknown?] {
    if (!this.account('Hub', 'HUB_RECONCILIATION', currency)) {
      return refusal(
        400,
        '3003',
        'Add Party information error - Hub reconciliation account for the specified currency does not exist',
      )
    }
    this.addAccount(name, 'POSITION', currency, false)
    this.addAccount(name, 'SETTLEMENT', currency, false)
    return [201, {}]
  }

  private listAccounts(name: string): [number, unknown?] {
    const own = this.all.filter(({ participant }) => participant === name)
    if (own.length === 0 && name !== 'Hub')
      return refusal(500, '2001', 'Internal server error - Participant does not exist')
    return [200, own.filter(({ open }) => open).map(plain)]
  }

  private listEndpoints(name: string): unknown[] {
    return [...this.endpoints]
      .filter(([key]) => key.startsWith(`${name} `))
      .map(([key, value]) => ({ type: key.slice(name.length + 1), value }))
  }

  private limitOf(name: string, currency: string): unknown[] {
    const value = this.limits.get(`${name} ${currency}`)
    return value === undefined
      ? []
      : [{ currency, limit: { type: 'NET_DEBIT_CAP', value: Number(value), alarmPercentage: 10 } }]
  }
}

function plain({ id, ledgerAccountType, currency, units }: Account): unknown {
  return { id, ledgerAccountType, currency, isActive: 1, value: Number(units) / 10_000 }
}

function refusal(status: number, errorCode: string, errorDescription: string): [number, unknown] {
  return [status, { errorInformation: { errorCode, errorDescription } }]
}

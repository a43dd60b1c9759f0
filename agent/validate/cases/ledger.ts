import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { ReportCase } from '../../contract/report.ts'
import { decimalOf, type Funds, type LedgerAccount, unitsOf } from '../../deployments/core-test-harness/ledger-api.ts'
import { type CaseAbout, type Finding, fail, pass, reportCase, skip } from '../case.ts'
import type { CaseGroup, ValidateContext } from '../context.ts'
import { query } from '../database.ts'
import { outwardOf, REASON, unfinishedMoves } from '../earlier-moves.ts'
import { type Ground, groundOf } from '../ground.ts'

/**
 * Moves a little money in and out of the first test DFSP's settlement account, through the admin API, Kafka, the handler
 * and the database. In comes first: a run that is cut short leaves the account with more, never with less, and the
 * next one finishes what it had begun. Every order is sent twice and must be carried out once.
 */
export const ledger: CaseGroup = {
  name: 'ledger',
  level: 'ledger',
  async run(context) {
    const ground = groundOf(context)
    if (!ground) return [await reportCase(NO_LEDGER, context.signal, async () => skip('left out: no ledger'))]
    const cases: ReportCase[] = []
    const move = new Move(context, ground)
    for (const [about, look] of steps(context, ground, move)) {
      cases.push(await reportCase(about, context.signal, async () => hindrance(context, cases) ?? look()))
    }
    return cases
  },
}

const NO_LEDGER: CaseAbout = {
  id: 'ledger:none',
  title: 'money moves',
  needed: 'a profile with a ledger',
  subject: '',
}

function steps(
  context: ValidateContext,
  { api, provisioning }: Ground,
  move: Move,
): [CaseAbout, () => Promise<Finding>][] {
  const { consumerGroups } = context.profile
  const handler = consumerGroups.find(({ group }) => group === provisioning.fundsIn.group)?.service ?? api.service
  const name = provisioning.participants[0]?.name ?? ''
  const amount = `${decimalOf(move.units)} ${context.currency}`
  const about = (id: string, title: string, needed: string, subject: string): CaseAbout => ({
    id: `ledger:${id}`,
    title,
    needed,
    subject,
  })
  return [
    [
      about('account', `test DFSP ${name} has its account`, `an account in ${context.currency}`, api.service),
      () => move.findAccount(name),
    ],
    [about('funds-in', `funds come in to ${name}`, `exactly ${amount} more`, handler), () => move.fundsIn()],
    [
      about('funds-out', `funds go out of ${name}`, `exactly ${amount} less, and committed`, handler),
      () => move.fundsOut(),
    ],
    [
      about(
        'once',
        'each order was carried out once, though sent twice',
        'one change each, and the balance as before',
        handler,
      ),
      () => move.once(),
    ],
  ]
}

/** Money is not put at risk in a hub that is known to be broken, and a step without the one before says nothing. */
function hindrance(context: ValidateContext, cases: ReportCase[]): Finding | undefined {
  if (context.failed.length > 0) return skip(`not tried: ${[...new Set(context.failed)].join(', ')} failed`)
  const last = cases.at(-1)
  return last === undefined || last.status === 'pass' ? undefined : skip(`not tried: ${last.title}: ${last.status}`)
}

class Move {
  /** Two decimals at most: central-ledger keeps four of a balance but two of a change. Never twice the same in a row. */
  readonly units = BigInt(randomInt(101, 200)) * 100n
  private readonly context: ValidateContext
  private readonly ground: Ground
  private participant = ''
  private account: LedgerAccount | undefined
  private readonly inward = randomUUID()
  private readonly outward = outwardOf(this.inward)

  constructor(context: ValidateContext, ground: Ground) {
    this.context = context
    this.ground = ground
  }

  async findAccount(name: string): Promise<Finding> {
    this.participant = name
    if (!(await this.context.ledger.accountTypes(this.context.currency)).has(name)) return fail(`there is no ${name}`)
    this.account = await this.readAccount()
    if (this.account === undefined) return fail('it has none')
    const cutShort = await this.finishEarlier(this.account.id)
    if (cutShort?.status === 'fail') return fail(`finishing an earlier validation: ${cutShort.found}`)
    this.account = (await this.readAccount()) ?? this.account
    return pass(`${decimalOf(-this.account.units)} ${this.context.currency} in it`)
  }

  /** What a validation that was cut short had reserved and not committed, and what it had brought in and not taken out. */
  private async finishEarlier(account: number): Promise<Finding | undefined> {
    if (!(await this.isEverythingRead())) return undefined
    for (const { outward, units, isReserved } of await unfinishedMoves(this.context, this.ground.database, account)) {
      const funds = { ...this.funds(outward, account), units }
      if (!isReserved) {
        const before = await this.readAccount()
        const reserved = await this.reserve(funds, before?.units ?? 0n)
        if (reserved.status !== 'pass') return reserved
      }
      const committed = await this.commit(funds, 'of an earlier validation')
      if (committed.status !== 'pass') return committed
    }
    return undefined
  }

  async fundsIn(): Promise<Finding> {
    const start = this.start()
    const funds = this.funds(this.inward, start.id)
    const finding = await this.observed('funds in', funds, async () => {
      await this.context.ledger.recordFundsIn(funds)
      return this.balanceMoves(start.units, start.units - this.units)
    })
    if (finding.status === 'pass') await this.context.ledger.recordFundsIn(funds)
    return finding
  }

  async fundsOut(): Promise<Finding> {
    const start = this.start()
    const funds = this.funds(this.outward, start.id)
    const finding = await this.reserve(funds, start.units - this.units)
    if (finding.status !== 'pass') return finding
    await this.context.ledger.reserveFundsOut(funds)
    return this.commit(funds, finding.found)
  }

  private reserve(funds: Funds, from: bigint): Promise<Finding> {
    return this.observed('funds out, reserved', funds, async () => {
      await this.context.ledger.reserveFundsOut(funds)
      return this.balanceMoves(from, from + funds.units)
    })
  }

  private commit(funds: Funds, moved: string): Promise<Finding> {
    return this.observed('funds out, committed', funds, async () => {
      await this.context.ledger.commitFundsOut(funds)
      return this.isCommitted(funds.transferId, moved)
    })
  }

  /** In the database itself, once Kafka has nothing of ours left. */
  async once(): Promise<Finding> {
    const start = this.start()
    await this.isEverythingRead()
    const inward = await this.changes(this.inward)
    const outward = await this.changes(this.outward)
    const found = `${listed(inward)} in, ${listed(outward)} out`
    if (inward.length !== 1 || inward[0] !== -this.units || outward.length !== 1 || outward[0] !== this.units)
      return fail(found)
    const left = (await this.readAccount())?.units
    if (left !== start.units)
      return fail(`balance ${left === undefined ? 'gone' : decimalOf(-left)}, before ${decimalOf(-start.units)}`)
    return pass(`${found}, ${decimalOf(-left)} ${this.context.currency} as before`)
  }

  private start(): LedgerAccount {
    if (!this.account) throw new Error('the account was not found')
    return this.account
  }

  private funds(transferId: string, account: number): Funds {
    const { currency } = this.context
    return {
      participant: this.participant,
      account,
      transferId,
      currency,
      units: this.units,
      reason: REASON,
    }
  }

  /** Tells of one order, once it is known what came of it. */
  private async observed(what: string, { units }: Funds, order: () => Promise<Finding>): Promise<Finding> {
    const startedAt = performance.now()
    const finding = await order()
    this.context.moved({
      tookMs: Math.round(performance.now() - startedAt),
      from: 'mojabox',
      to: this.ground.api.service,
      what: `${what}: ${decimalOf(units)} ${this.context.currency}, ${this.participant}`,
      outcome: finding.found,
    })
    return finding
  }

  private async readAccount(): Promise<LedgerAccount | undefined> {
    const accounts = await this.context.ledger.accounts(this.participant)
    return accounts.find((account) => account.type === 'SETTLEMENT' && account.currency === this.context.currency)
  }

  private async balanceMoves(from: bigint, to: bigint): Promise<Finding> {
    const startedAt = performance.now()
    for (;;) {
      const units = (await this.readAccount())?.units
      const elapsed = Math.round(performance.now() - startedAt)
      if (units === to) return pass(`${decimalOf(-from)} to ${decimalOf(-to)} in ${elapsed} ms`)
      if (units !== from) return fail(`${decimalOf(-from)} to ${units === undefined ? 'nothing' : decimalOf(-units)}`)
      if (elapsed > this.context.times.fundsMs)
        return fail(`still ${decimalOf(-from)} after ${Math.round(elapsed / 1000)} s`)
      await this.pause()
    }
  }

  private async isCommitted(transferId: string, moved: string): Promise<Finding> {
    const until = performance.now() + this.context.times.fundsMs
    for (;;) {
      const states = await query(
        this.context,
        this.ground.database,
        `select transferStateId from transferStateChange where transferId = '${transferId}' order by transferStateChangeId`,
      )
      const state = states.at(-1)?.[0] ?? 'nowhere'
      if (state === 'COMMITTED') return pass(moved)
      if (performance.now() > until) return fail(`${moved}, but it is ${state}`)
      await this.pause()
    }
  }

  /** False when orders are still waiting for the handler after a while. */
  private async isEverythingRead(): Promise<boolean> {
    const { group, topic } = this.ground.provisioning.fundsIn
    const partitions = (await this.context.partitions()).get(topic) ?? 0
    const until = performance.now() + this.context.times.fundsMs
    for (;;) {
      const lag = await this.context.kafka.lag(group, topic, partitions)
      if (lag.every(({ committed, end }) => committed >= end)) return true
      if (performance.now() > until) return false
      await this.pause()
    }
  }

  /** What the transfer changed on the account. */
  private async changes(transferId: string): Promise<bigint[]> {
    const rows = await query(
      this.context,
      this.ground.database,
      `select c.\`change\` from participantPositionChange c join transferStateChange s using (transferStateChangeId)
       where s.transferId = '${transferId}' and c.participantCurrencyId = ${this.start().id}`,
    )
    return rows.map(([change = '0']) => unitsOf(change))
  }

  private pause(): Promise<void> {
    return delay(this.context.times.lookMs, undefined, { signal: this.context.signal })
  }
}

function listed(changes: bigint[]): string {
  return changes.length === 0 ? 'nothing' : changes.map((units) => decimalOf(-units)).join(' and ')
}

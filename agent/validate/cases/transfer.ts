import type { ReportCase } from '../../contract/report.ts'
import type { Fspiop } from '../../deployments/core-test-harness/definition.ts'
import { decimalOf } from '../../deployments/core-test-harness/ledger-api.ts'
import { type CaseAbout, type Finding, pass, reportCase, skip } from '../case.ts'
import type { CaseGroup, ValidateContext } from '../context.ts'
import { type Ground, groundOf } from '../ground.ts'
import { agree, type Terms, termsOf } from '../transfer/agreement.ts'
import { watched } from '../transfer/diagnose.ts'
import { discover, lacking } from '../transfer/discovery.ts'
import { registerEndpoints } from '../transfer/endpoints.ts'
import { movedOnce } from '../transfer/once.ts'
import { type Order, orderOf, pay } from '../transfer/payment.ts'
import { type Positions, readPositions } from '../transfer/positions.ts'
import { abortsInTime, refusesWithoutLiquidity, repeatsNothing } from '../transfer/refusals.ts'
import { notifierOf, openSession, type Session } from '../transfer/session.ts'
import { settledPositions } from '../transfer/settled.ts'

/**
 * Plays both DFSPs of a payment: whose number it is, what it costs, the transfer and its way back, and what has to be
 * refused. All of it between mojabox's own two test DFSPs, whose positions end where they began, so it can be repeated
 * for ever. What the profile has no service for is left out, and named.
 */
export const transfer: CaseGroup = {
  name: 'transfer',
  level: 'transfer',
  async run(context) {
    const { fspiop } = context.profile
    const ground = groundOf(context)
    if (!fspiop?.transfers || !ground) {
      const about = { id: 'transfer:transfer', title: TITLES.transfer, needed: 'ml-api-adapter', subject: '' }
      return [await reportCase(about, context.signal, async () => leftOut(['ml-api-adapter']))]
    }
    const play = new Play(context, ground, fspiop)
    try {
      return await play.all()
    } finally {
      await play.close()
    }
  },
}

const TITLES = {
  endpoints: 'the hub knows where the test DFSPs listen',
  discovery: 'a number leads to its DFSP',
  agreement: 'a quote is asked for and answered',
  transfer: 'a transfer goes from one test DFSP to the other',
  duplicate: 'the same transfer again moves nothing',
  liquidity: 'a transfer that nothing covers is refused',
  refund: 'a transfer brings it back',
  timeout: 'a transfer that nobody answers is aborted',
  once: 'each transfer was carried out once',
}
type Stage = keyof typeof TITLES

class Play {
  private readonly context: ValidateContext
  private readonly ground: Ground
  private readonly fspiop: Fspiop
  private readonly cases: ReportCase[] = []
  private opened: Session | undefined
  private start: Positions = { payer: 0n, payee: 0n }
  private terms: Terms | undefined
  private sent: Order | undefined

  constructor(context: ValidateContext, ground: Ground, fspiop: Fspiop) {
    this.context = context
    this.ground = ground
    this.fspiop = fspiop
  }

  async all(): Promise<ReportCase[]> {
    const notifier = notifierOf(this.context, this.fspiop)
    const ledger = this.ground.api.service
    await this.stage('endpoints', [], 'every callback address', ledger, () => this.open())
    await this.stage('discovery', ['endpoints'], 'an answer to both', this.fspiop.parties?.service, () =>
      this.discover(),
    )
    await this.stage('agreement', ['endpoints'], 'the offer as it was made', this.fspiop.quotes?.service, () =>
      this.agree(),
    )
    await this.stage('transfer', ['endpoints'], 'COMMITTED to both, positions by exactly that', notifier, () =>
      this.pay(),
    )
    await this.stage('duplicate', ['transfer'], 'its state; 3106 when it was changed; no movement', ledger, () =>
      this.repeat(),
    )
    await this.stage('liquidity', ['transfer'], '4001, and no movement', ledger, () => this.overdraw())
    await this.stage('refund', ['endpoints'], 'COMMITTED to both, positions as before', notifier, () => this.payBack())
    await this.stage('timeout', ['transfer', 'refund'], '3303, and what was reserved is released', ledger, () =>
      this.expire(),
    )
    await this.stage('once', ['transfer', 'refund', 'timeout'], 'one change a position', ledger, () =>
      movedOnce(this.session()),
    )
    return this.cases
  }

  async close(): Promise<void> {
    await this.opened?.callbacks.close()
  }

  /** One case, when the ones it builds on have passed. */
  private async stage(
    id: Stage,
    after: Stage[],
    needed: string,
    subject: string | undefined,
    look: () => Promise<Finding>,
  ): Promise<void> {
    const about: CaseAbout = { id: `transfer:${id}`, title: TITLES[id], needed, subject: subject ?? '' }
    this.cases.push(await reportCase(about, this.context.signal, async () => this.hindrance(after) ?? look()))
  }

  /** Money is not put at risk in a hub that is known to be broken. */
  private hindrance(after: Stage[]): Finding | undefined {
    if (this.context.failed.length > 0) return skip(`not tried: ${[...new Set(this.context.failed)].join(', ')} failed`)
    const unmet = this.cases.find(
      ({ id, status }) => status !== 'pass' && after.some((name) => id === `transfer:${name}`),
    )
    return unmet && skip(`not tried: ${unmet.title}: ${unmet.status}`)
  }

  private async open(): Promise<Finding> {
    const { transfers } = this.fspiop
    if (!transfers) throw new Error('the profile has no ml-api-adapter')
    this.opened = await openSession(this.context, this.ground, this.fspiop, transfers)
    const told = await registerEndpoints(this.opened)
    this.start = await settledPositions(this.opened)
    return pass(`${this.opened.callbacks.url}, ${told === 0 ? 'known' : `${told} told`}`)
  }

  private async discover(): Promise<Finding> {
    const missing = lacking(this.fspiop)
    if (missing.length > 0) return leftOut(missing)
    return watched(this.session(), () => discover(this.session()))
  }

  private async agree(): Promise<Finding> {
    if (!this.fspiop.quotes) return leftOut(['quoting-service'])
    return watched(this.session(), async () => {
      const { finding, terms } = await agree(this.session())
      this.terms = terms
      return finding
    })
  }

  /** On the terms of the quote, else on terms that the payee's DFSP makes without having been asked. */
  private async pay(): Promise<Finding> {
    const session = this.session()
    const { payer, payee } = session
    const terms = this.terms ?? termsOf(session, payer, payee, session.units)
    const leg = { from: payer, to: payee, version: '1.1', answer: 'RESERVED' } as const
    const order = orderOf(session, leg, terms)
    this.sent = order
    return watched(session, (about) => pay(session, leg, order, terms, about))
  }

  private repeat(): Promise<Finding> {
    const order = this.sent
    if (!order) throw new Error('nothing was sent')
    return watched(this.session(), (about) => repeatsNothing(this.session(), order, about))
  }

  private overdraw(): Promise<Finding> {
    const session = this.session()
    return watched(session, (about) => refusesWithoutLiquidity(session, about))
  }

  /**
   * Whenever money has moved, whatever else went wrong: the payee's position tells, as the payer's may only be reserved.
   * What a run that was cut short left behind goes back with it, so that it does not add up.
   */
  private async payBack(): Promise<Finding> {
    const session = this.session()
    const { payer, payee } = session
    const now = await readPositions(session)
    const left = this.start.payer > 0n && this.start.payee === -this.start.payer ? this.start.payer : 0n
    const units = this.start.payee - now.payee + left
    if (units <= 0n) return skip('not tried: nothing has been moved')
    const terms = termsOf(session, payee, payer, units)
    const leg = { from: payee, to: payer, version: '2.0', answer: 'COMMITTED' } as const
    const order = orderOf(session, leg, terms)
    const finding = await watched(session, (about) => pay(session, leg, order, terms, about))
    return left === 0n
      ? finding
      : { ...finding, found: `${finding.found}; ${decimalOf(left)} of an earlier run with it` }
  }

  private expire(): Promise<Finding> {
    const session = this.session()
    return watched(session, (about) => abortsInTime(session, about))
  }

  private session(): Session {
    if (!this.opened) throw new Error('the test DFSPs do not listen')
    return this.opened
  }
}

function leftOut(services: string[]): Finding {
  return skip(`left out: the profile has no ${services.join(' and no ')}`)
}

import { type KeyObject, randomBytes, randomInt } from 'node:crypto'
import { MojaboxError } from '../../../bundles/format/error.ts'
import type { Fspiop, Inside } from '../../deployments/core-test-harness/definition.ts'
import type { ValidateContext } from '../context.ts'
import { Callbacks } from '../fspiop/callbacks.ts'
import { Dfsp, type Keys, outcomeOf, resourceOf } from '../fspiop/dfsp.ts'
import type { Resource } from '../fspiop/headers.ts'
import type { Ground } from '../ground.ts'

/** One run of the level: who plays, and what has been moved so far. */
export interface Session {
  context: ValidateContext
  ground: Ground
  fspiop: Fspiop
  callbacks: Callbacks
  payer: Dfsp
  payee: Dfsp
  /** What the first transfer moves, in ten-thousandths; whole in the currency's smallest unit, and of two decimals at most. */
  units: bigint
  /** The payee's, for its packets. */
  secret: Buffer
  /** What each transfer of this run has to have changed on the two positions, one number a change. */
  expected: Map<string, { payer: bigint[]; payee: bigint[] }>
}

/** Private keys of the two test DFSPs, by name, and the hub's public one under its own. */
export type SigningKeys = ReadonlyMap<string, KeyObject>

/**
 * Opens the test DFSPs' port on the Compose network's address of this machine, which containers can reach and other
 * machines cannot.
 * @throws MojaboxError `callbacks-unavailable`, `service-unreachable`, `signing-key-missing`
 */
export async function openSession(
  context: ValidateContext,
  ground: Ground,
  fspiop: Fspiop,
  transfers: Inside,
): Promise<Session> {
  const [payerName, payeeName] = ground.provisioning.participants.map(({ name }) => name)
  if (payerName === undefined || payeeName === undefined) throw new Error('the profile has no two test DFSPs')
  // Before anything is open: without its key a DFSP cannot play.
  const keys = new Map(
    [payerName, payeeName].map((name) => [name, fspiop.jws ? keysOf(context.signingKeys, name) : undefined]),
  )
  const callbacks = await Callbacks.listen(gatewayOf(context, transfers.service), context.callbacksPort, [
    ...keys.keys(),
  ])
  const line = { context, callbacks, serviceOf: (resource: Resource) => serviceOf(context, fspiop, resource) }
  callbacks.onCallback = (callback) =>
    context.moved({
      from: senderOf(context, fspiop, resourceOf(callback.path)),
      to: callback.dfsp,
      what: `${callback.method} ${callback.path}`,
      outcome: outcomeOf(callback),
      tookMs: null,
    })
  return {
    context,
    ground,
    fspiop,
    callbacks,
    payer: new Dfsp(payerName, line, keys.get(payerName)),
    payee: new Dfsp(payeeName, line, keys.get(payeeName)),
    units: randomUnits(context.currency),
    secret: randomBytes(32),
    expected: new Map(),
  }
}

/** Decimals of a currency that a transfer may have. */
export function decimalsOf(currency: string): number {
  const { maximumFractionDigits = 2 } = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions()
  return Math.min(2, maximumFractionDigits)
}

/** Ten-thousandths as the currency's smallest units, for ILP. */
export function minorUnits(units: bigint, currency: string): bigint {
  return units / 10n ** BigInt(4 - decimalsOf(currency))
}

function randomUnits(currency: string): bigint {
  const step = 10n ** BigInt(4 - decimalsOf(currency))
  return (BigInt(randomInt(10_100, 20_000)) / step) * step
}

/** The group that takes the hub's messages to DFSPs off its topic is the one that sends them. */
export function notifierOf(context: ValidateContext, fspiop: Fspiop): string {
  return readerOf(context, 'topic-notification-event') ?? fspiop.transfers?.service ?? ''
}

export function readerOf(context: ValidateContext, topic: string): string | undefined {
  return context.profile.consumerGroups.find((group) => group.topic === topic)?.service
}

function serviceOf(context: ValidateContext, fspiop: Fspiop, resource: Resource): { service: string; url: string } {
  const reached = {
    participants: fspiop.parties,
    parties: fspiop.parties,
    quotes: fspiop.quotes,
    transfers: fspiop.transfers,
  }
  const at = reached[resource]
  if (!at) throw new Error(`the profile has nothing that answers ${resource}`)
  return { service: at.service, url: urlOf(context, at) }
}

/** @throws MojaboxError `service-unreachable` when it does not run */
export function urlOf(context: ValidateContext, { service, port }: Inside): string {
  const container = context.containers.find((found) => found.service === service)
  if (container?.address !== undefined) return `http://${container.address}:${port}`
  throw new MojaboxError({
    code: 'service-unreachable',
    kind: 'step',
    message: `${service} ${container ? `is ${container.state}` : 'has no container'}`,
    next: `docker ps --all --filter name=${service}`,
  })
}

function gatewayOf(context: ValidateContext, service: string): string {
  const container = context.containers.find((found) => found.service === service)
  if (container?.gateway !== undefined) return container.gateway
  throw new MojaboxError({
    code: 'callbacks-unavailable',
    kind: 'step',
    message: `finding where containers reach this machine: ${service} ${container ? 'is on no network that leads here' : 'has no container'}`,
    needed: `${service} running, on a network with a gateway`,
    next: `docker inspect --format '{{json .NetworkSettings.Networks}}' mojabox-${service}-1`,
  })
}

function senderOf(context: ValidateContext, fspiop: Fspiop, resource: Resource): string {
  if (resource === 'transfers') return notifierOf(context, fspiop)
  return (resource === 'quotes' ? fspiop.quotes : fspiop.parties)?.service ?? 'hub'
}

function keysOf(keys: SigningKeys | undefined, name: string): Keys {
  const own = keys?.get(name)
  if (own) return { own, of: (other) => keys?.get(other) }
  throw new MojaboxError({
    code: 'signing-key-missing',
    kind: 'step',
    message: `the hub wants messages signed, and there is no key of ${name}`,
    needed: 'an RSA key of each test DFSP',
  })
}

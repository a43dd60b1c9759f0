import { MojaboxError } from '../../../bundles/format/error.ts'
import { type Finding, fail, wordsOf } from '../case.ts'
import type { ValidateContext } from '../context.ts'
import { query } from '../database.ts'
import { CallbackMissing, type Dfsp } from '../fspiop/dfsp.ts'
import { notifierOf, readerOf, type Session } from './session.ts'

/** Run inside a container: 0 when this machine's port takes a connection from there, 3 when not. */
const KNOCK = `const s = require('net').connect(+process.argv[2], process.argv[1])
s.setTimeout(3000, () => process.exit(3)); s.on('connect', () => process.exit(0)); s.on('error', () => process.exit(3))`

/** Called by a stage with the transfer that it is about, and whose it is to fulfil. */
export type About = (transferId: string, from: Dfsp, to: Dfsp) => void

/**
 * Runs a stage. When a callback does not come, finds out who is to be looked at: what central-ledger knows of the
 * transfer tells how far it got; one that got through leaves the messenger, or a firewall between it and this machine.
 */
export async function watched(session: Session, stage: (about: About) => Promise<Finding>): Promise<Finding> {
  let transferId: string | undefined
  let giveUp = async () => {}
  const about: About = (id, from, to) => {
    transferId = id
    giveUp = () => rejectTransfer(id, from, to)
  }
  try {
    return await stage(about)
  } catch (error) {
    // What the hub answers to a transfer is the ledger's decision, whoever brings it.
    if (transferId !== undefined && isRefusal(error)) return blamed(session.ground.api.service, wordsOf(error))
    if (!(error instanceof CallbackMissing)) throw error
    if (transferId === undefined) return unreached(session, wordsOf(error))
    const finding = await stuck(session, error, transferId)
    await giveUp()
    return finding
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof MojaboxError && error.facts.code === 'callback-error'
}

/** So that what is set aside comes back now, not when the transfer expires. Changes nothing where it was committed. */
async function rejectTransfer(transferId: string, from: Dfsp, to: Dfsp): Promise<void> {
  const body = { errorInformation: { errorCode: '5000', errorDescription: 'Generic Payee error - given up' } }
  await to.send({ method: 'PUT', path: `/transfers/${transferId}/error`, destination: from.name, body }).catch(() => {})
}

async function stuck(session: Session, missing: CallbackMissing, transferId: string): Promise<Finding> {
  const state = await stateOf(session, transferId)
  const words = `${wordsOf(missing)}; the ledger says ${state ?? 'nothing of it'}`
  const found = responsible(session, state, missing)
  if (found) return blamed(found.service, `${words}: ${found.why}`)
  return unreached(session, words, notifierOf(session.context, session.fspiop))
}

/** Whose turn it is, from how far the transfer got; undefined when the ledger has done all of its part. */
function responsible({ context, ground }: Session, state: string | undefined, { method, path }: CallbackMissing) {
  const reads = (topic: string) => readerOf(context, topic) ?? ground.api.service
  const prepare = reads('topic-transfer-prepare')
  const position = readerOf(context, 'topic-transfer-position-batch') ?? reads('topic-transfer-position')
  if (state === undefined) return { service: prepare, why: 'nobody prepared it' }
  if (state === 'RECEIVED_PREPARE' || state === 'RECEIVED_FULFIL' || state === 'RESERVED_TIMEOUT')
    return { service: position, why: 'nobody changed the positions' }
  if (state !== 'RESERVED' || method === 'POST') return undefined
  if (!path.endsWith('/error')) return { service: reads('topic-transfer-fulfil'), why: 'nobody read the fulfilment' }
  const timeout = context.profile.services.find((name) => name.includes('timeout')) ?? prepare
  return { service: timeout, why: 'nobody looked for what has expired' }
}

/** The hub did its part, as far as can be seen: can its containers reach this machine at all? */
async function unreached(session: Session, words: string, messenger?: string): Promise<Finding> {
  const { context, callbacks } = session
  const { hostname, port } = new URL(callbacks.url)
  if (messenger !== undefined) {
    const idle = await idleness(context, messenger)
    if (idle) return blamed(messenger, `${words}: ${idle}`)
  }
  if (await isWalledOff(session, hostname, port)) {
    const rule = `iptables -I INPUT -d ${hostname} -p tcp --dport ${port} -j ACCEPT`
    return blamed(
      'host firewall',
      `${words}: containers cannot reach this machine at ${hostname}:${port}; let them: ${rule}`,
    )
  }
  return messenger === undefined ? fail(words) : blamed(messenger, `${words}: ${messenger} did not deliver it`)
}

/** What keeps the messenger from reading; undefined when nothing does. */
async function idleness(context: ValidateContext, service: string): Promise<string | undefined> {
  const container = context.containers.find((found) => found.service === service)
  if (container && container.state !== 'running') return `${service} is ${container.state}`
  const group = context.profile.consumerGroups.find(({ topic }) => topic === 'topic-notification-event')
  if (!group) return undefined
  const partitions = (await context.partitions()).get(group.topic) ?? 0
  const lag = await context.kafka.lag(group.group, group.topic, partitions)
  const unread = lag.reduce((sum, { committed, end }) => sum + (end - (committed < 0n ? 0n : committed)), 0n)
  return unread > 0n ? `${service} has left ${unread} of ${group.topic} unread` : undefined
}

async function isWalledOff({ context, fspiop }: Session, host: string, port: string): Promise<boolean> {
  const service = fspiop.transfers?.service
  const container = context.containers.find((found) => found.service === service && found.state === 'running')
  if (!container) return false
  const argv = ['docker', 'exec', container.id, 'node', '-e', KNOCK, host, port]
  const { code } = await context.run(argv, { timeoutMs: 10_000, okCodes: [0, 1, 3, 126, 127] })
  return code === 3
}

async function stateOf({ context, ground }: Session, transferId: string): Promise<string | undefined> {
  const sql = `select transferStateId from transferStateChange where transferId = '${transferId}' order by transferStateChangeId`
  return (await query(context, ground.database, sql)).at(-1)?.[0]
}

function blamed(subject: string, found: string): Finding {
  return { ...fail(found), subject }
}

import { z } from 'zod'
import { MojaboxError } from '../../../bundles/format/error.ts'
import { type Fspiop, HUB, type Inside } from '../../deployments/core-test-harness/definition.ts'
import { type Finding, fail, pass } from '../case.ts'
import type { ValidateContext } from '../context.ts'
import { sendHttp } from '../fspiop/send.ts'
import { type Session, urlOf } from './session.ts'

/** Country code 999 is nobody's: no real subscriber has this number. */
export const NUMBER = '99900000001'
const PARTICIPANT = `/participants/MSISDN/${NUMBER}`
const PARTY = `/parties/MSISDN/${NUMBER}`

const Oracles = z.array(z.object({ oracleIdType: z.string() }))
const Party = z.object({
  party: z.object({ partyIdInfo: z.object({ fspId: z.string(), partyIdentifier: z.string() }) }),
})

/** The services that a lookup needs and this profile lacks. */
export function lacking({ parties, partiesAdmin, oracle }: Fspiop): string[] {
  return [...(parties && partiesAdmin ? [] : ['account-lookup-service']), ...(oracle ? [] : ['oracle'])]
}

/** The payee's DFSP says that the number is its own; the payer's asks whose it is. The number is taken back at the end. */
export async function discover(session: Session): Promise<Finding> {
  const { payer, payee, context } = session
  await registerOracle(session)
  const startedAt = performance.now()
  await payee.send({ method: 'POST', path: PARTICIPANT, body: { fspId: payee.name, currency: context.currency } })
  try {
    // An error here may only say that a run that was cut left the number there: the lookup tells.
    await payee.receives({ method: 'PUT', path: PARTICIPANT }).catch(unlessAnError)
    await payer.send({ method: 'GET', path: PARTY })
    await payee.receives({ method: 'GET', path: PARTY })
    await payee.send({ method: 'PUT', path: PARTY, destination: payer.name, body: { party: partyOf(payee.name) } })
    const read = Party.safeParse(await payer.receives({ method: 'PUT', path: PARTY }))
    const fspId = read.data?.party.partyIdInfo.fspId
    const tookMs = Math.round(performance.now() - startedAt)
    return fspId === payee.name
      ? pass(`${NUMBER} is with ${fspId}, in ${tookMs} ms`)
      : fail(`it is with ${fspId ?? 'nobody'}`)
  } finally {
    await payee.send({ method: 'DELETE', path: PARTICIPANT }).catch(() => {})
  }
}

/** As FSPIOP describes the person behind the number. */
export function partyOf(fspId: string): object {
  return { partyIdInfo: { partyIdType: 'MSISDN', partyIdentifier: NUMBER, fspId }, name: 'mojabox test' }
}

/** account-lookup-service knows its oracles by what they answer for; one that is there already stays. */
async function registerOracle({ context, fspiop }: Session): Promise<void> {
  const { partiesAdmin, oracle } = fspiop
  if (!partiesAdmin || !oracle) return
  const ask = (method: string, body?: string) => askAdmin(context, partiesAdmin, method, body)
  if (await isRegistered(ask)) return
  const { currency } = context
  const endpoint = { value: oracle.url, endpointType: 'URL' }
  const answer = await ask('POST', JSON.stringify({ oracleIdType: 'MSISDN', endpoint, currency, isDefault: true }))
  // One that came in between is answered with an error of the server: what counts is whether it is there.
  if (answer.status < 300 || (await isRegistered(ask))) return
  throw new Error(`${partiesAdmin.service} takes no oracle: status ${answer.status}: ${answer.body.slice(0, 200)}`)
}

type Ask = (method: string, body?: string) => Promise<{ status: number; body: string }>

async function isRegistered(ask: Ask): Promise<boolean> {
  const { status, body } = await ask('GET')
  const read = Oracles.safeParse(status === 200 ? JSON.parse(body) : [])
  return (read.data ?? []).some(({ oracleIdType }) => oracleIdType === 'MSISDN')
}

function askAdmin(context: ValidateContext, at: Inside, method: string, body?: string) {
  const type = 'application/vnd.interoperability.oracles+json;version=1'
  const headers = { 'content-type': `${type}.1`, accept: type, date: new Date().toUTCString(), 'fspiop-source': HUB }
  const url = `${urlOf(context, at)}/oracles`
  return sendHttp({ url, method, headers, body }, context.times.callbackMs, context.signal)
}

function unlessAnError(error: unknown): void {
  if (!(error instanceof MojaboxError && error.facts.code === 'callback-error')) throw error
}

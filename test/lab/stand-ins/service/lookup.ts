import { Dfsps, handedOn, hubHeaders } from './dfsps.ts'
import { Documents } from './document.ts'
import { Redis } from './mojaloop.ts'
import { type Answering, type Received, refusal, serve } from './server.ts'
import type { Settings } from './settings.ts'
import { Signatures } from './signatures.ts'

interface Oracle {
  oracleIdType: string
  endpoint: { value: string; endpointType: string }
  currency?: string
}

/** Both processes must know the oracles; the real ones have a database. */
const ORACLES = 'stand-in:oracles'

/** account-lookup-service's API for the hub's operator: which oracle answers for which kind of party. */
export async function serveLookupAdmin(settings: Settings): Promise<void> {
  const oracles = openOracles(settings)
  await serve(settings.ADMIN_PORT, async ({ method, path, body }) => {
    if (path !== '/oracles') return undefined
    if (method === 'GET')
      return { status: 200, body: (await oracles.list()).map((oracle, index) => ({ oracleId: index + 1, ...oracle })) }
    if (method !== 'POST') return undefined
    const added = await oracles.add(body as Oracle)
    // As the real one has it.
    return added
      ? { status: 201 }
      : refusal(
          500,
          '2001',
          'Internal server error - Active oracle with matching partyIdTypeId, endpointTypeId already exists',
        )
  })
}

/** account-lookup-service's API for DFSPs: asks the oracle whose a number is, and that DFSP who it is. */
export async function serveLookup(settings: Settings): Promise<void> {
  const documents = await Documents.read()
  const signatures = new Signatures(settings)
  const oracles = openOracles(settings)
  const hub = settings.HUB_PARTICIPANT.NAME
  const keptMs = settings.CENTRAL_SHARED_ENDPOINT_CACHE_CONFIG.expiresIn
  const dfsps = new Dfsps({ ledgerUrl: settings.SWITCH_ENDPOINT, keptMs, documents, signatures })

  const answering: Answering = async (received) => {
    const { method, path } = received
    const resource = path.split('/')[1]
    if (resource === 'participants' && (method === 'POST' || method === 'DELETE')) {
      return { status: 202, afterwards: () => changeOwner(received) }
    }
    if (resource !== 'parties') return undefined
    if (method === 'GET') return { status: 202, afterwards: () => askOwner(received) }
    if (method !== 'PUT') return undefined
    return {
      status: 200,
      afterwards: () => handOn(received, path.endsWith('/error') ? 'PARTIES_PUT_ERROR' : 'PARTIES_PUT'),
    }
  }
  await serve(settings.API_PORT, answering, { documents, signatures })

  async function changeOwner({ method, path, headers, body }: Received): Promise<void> {
    const source = headers['fspiop-source'] ?? ''
    const [, , partyIdType = '', partyIdentifier = ''] = path.split('/')
    const answer = await askOracle(method, partyIdType, partyIdentifier, body)
    const told = hubHeaders('participants', hub, source)
    if (!answer?.ok) {
      await dfsps.tell({
        dfsp: source,
        endpoint: 'PARTICIPANT_PUT_ERROR',
        method: 'PUT',
        path: `${path}/error`,
        headers: told,
        body: error('3003', 'Add Party information error'),
      })
      return
    }
    const fspId = method === 'DELETE' ? {} : { fspId: source }
    await dfsps.tell({ dfsp: source, endpoint: 'PARTICIPANT_PUT', method: 'PUT', path, headers: told, body: fspId })
  }

  async function askOwner({ path, headers }: Received): Promise<void> {
    const source = headers['fspiop-source'] ?? ''
    const [, , partyIdType = '', partyIdentifier = ''] = path.split('/')
    const answer = await askOracle('GET', partyIdType, partyIdentifier)
    const { partyList = [] } = answer?.ok ? ((await answer.json()) as { partyList?: { fspId: string }[] }) : {}
    const owner = partyList[0]?.fspId
    if (owner !== undefined && (await dfsps.exists(owner))) {
      const told = { ...handedOn(headers), 'fspiop-destination': owner }
      await dfsps.tell({ dfsp: owner, endpoint: 'PARTIES_GET', method: 'GET', path, headers: told })
      return
    }
    const told = hubHeaders('parties', hub, source)
    await dfsps.tell({
      dfsp: source,
      endpoint: 'PARTIES_PUT_ERROR',
      method: 'PUT',
      path: `${path}/error`,
      headers: told,
      body: error('3204', 'Party not found'),
    })
  }

  async function handOn({ path, headers, text }: Received, endpoint: string): Promise<void> {
    const dfsp = headers['fspiop-destination'] ?? ''
    await dfsps.tell({ dfsp, endpoint, method: 'PUT', path, headers: handedOn(headers), body: text })
  }

  async function askOracle(method: string, type: string, id: string, body?: unknown): Promise<Response | undefined> {
    const oracle = (await oracles.list()).find(({ oracleIdType }) => oracleIdType === type)
    if (!oracle) return undefined
    const init: RequestInit = { method, headers: { 'content-type': 'application/json' } }
    if (body !== undefined) init.body = JSON.stringify(body)
    return fetch(`${oracle.endpoint.value}/participants/${type}/${id}`, init)
  }
}

function openOracles({ PROXY_CACHE }: Settings) {
  const { host = 'localhost', port = 6379 } = PROXY_CACHE.proxyConfig
  const redis = new Redis({ host, port })
  return {
    list: async () => Object.values(await redis.hgetall(ORACLES)).map((text) => JSON.parse(text) as Oracle),
    add: async (oracle: Oracle) => (await redis.hsetnx(ORACLES, oracle.oracleIdType, JSON.stringify(oracle))) === 1,
  }
}

function error(errorCode: string, errorDescription: string): unknown {
  return { errorInformation: { errorCode, errorDescription } }
}

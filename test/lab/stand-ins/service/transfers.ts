import { Dfsps, handedOn, hubHeaders } from './dfsps.ts'
import { Documents } from './document.ts'
import { bodyOf, consume, type Message, messageOf, openProducer } from './kafka.ts'
import { Enum, IlpV1 } from './mojaloop.ts'
import { type Answering, log, refusal, serve } from './server.ts'
import type { Settings } from './settings.ts'
import { Signatures } from './signatures.ts'

const { Action, Type } = Enum.Events.Event
const TOPICS = { prepare: 'topic-transfer-prepare', fulfil: 'topic-transfer-fulfil', told: 'topic-notification-event' }

interface Order {
  transferId: string
  payerFsp: string
  payeeFsp: string
}

/** ml-api-adapter's API: what DFSPs send goes to central-ledger's handlers. */
export async function serveTransfers(settings: Settings): Promise<void> {
  const documents = await Documents.read()
  const silent = { child: () => silent, debug: () => {} }
  const ilp = new IlpV1({ secret: '', logger: silent })
  const produce = await openProducer(
    settings.KAFKA.PRODUCER.TRANSFER.PREPARE.config.rdkafkaConf['metadata.broker.list'],
  )
  const answering: Answering = async (received) => {
    const { method, path, headers, body } = received
    const [, resource, id = '', last] = path.split('/')
    if (method === 'POST' && path === '/transfers') {
      const order = body as Order
      // The real one leaves this to the payee's DFSP; here the packet is read by Mojaloop's own library.
      if (!ilp.validateIlpAgainstTransferRequest(order))
        return refusal(400, '3100', 'Generic validation error - ilpPacket')
      await produce(TOPICS.prepare, messageOf(order.transferId, received, order.payeeFsp, Type.PREPARE, Action.PREPARE))
      return { status: 202 }
    }
    if (method !== 'PUT' || resource !== 'transfers') return undefined
    const action = last === 'error' ? Action.ABORT : fulfilAction(body)
    await produce(TOPICS.fulfil, messageOf(id, received, headers['fspiop-destination'] ?? '', Type.FULFIL, action))
    return { status: 200 }
  }
  await serve(settings.PORT, answering, { documents, signatures: new Signatures(settings) })
}

/** ml-api-adapter's notification handler: what central-ledger has decided goes to the DFSPs. */
export async function notify(settings: Settings): Promise<void> {
  const documents = await Documents.read()
  const dfsps = new Dfsps({
    ledgerUrl: settings.ENDPOINT_SOURCE_URL,
    keptMs: settings.ENDPOINT_CACHE_CONFIG.expiresIn,
    documents,
    signatures: new Signatures(settings),
  })
  await serve(settings.PORT, async () => undefined)
  const { 'metadata.broker.list': brokers, 'group.id': group = '' } =
    settings.KAFKA.CONSUMER.NOTIFICATION.EVENT.config.rdkafkaConf
  await consume(brokers, group, TOPICS.told, async (message) => {
    for (const told of notifications(message, settings.HUB_PARTICIPANT.NAME)) await dfsps.tell(told)
  })
}

function fulfilAction(body: unknown): string {
  const { transferState } = body as { transferState?: string }
  if (transferState === 'ABORTED') return Action.REJECT
  return transferState === 'RESERVED' ? Action.RESERVE : Action.COMMIT
}

/** The ledger says more of a failure than FSPIOP has room for; DFSPs are told its code and its words. */
function withoutCause(payload: unknown): unknown {
  const { errorInformation } = payload as { errorInformation?: { errorCode: string; errorDescription: string } }
  const { errorCode = '2001', errorDescription = '' } = errorInformation ?? {}
  return { errorInformation: { errorCode, errorDescription: errorDescription.slice(0, 128) } }
}

/** Who is to be told what of one decision. */
function notifications(message: Message, hub: string) {
  const { from, to, content, metadata } = message
  const { action, state } = metadata.event
  const id = content.uriParams?.id ?? message.id
  const path = `/transfers/${id}`
  const succeeded = state.status === Enum.Events.EventStatus.SUCCESS.status
  const put = (dfsp: string, body: unknown, headers = hubHeaders('transfers', hub, dfsp), method = 'PUT') => ({
    dfsp,
    endpoint: 'TRANSFER_PUT',
    method,
    path,
    headers,
    body,
  })
  const putError = (dfsp: string) => ({
    dfsp,
    endpoint: 'TRANSFER_ERROR',
    method: 'PUT',
    path: `${path}/error`,
    headers: hubHeaders('transfers', hub, dfsp),
    body: withoutCause(content.payload),
  })
  const original = () => bodyOf(message)

  if (!succeeded) {
    if (action === Action.TIMEOUT_RESERVED)
      return [content.context?.payer ?? to, content.context?.payee ?? from].map(putError)
    return [putError(to)]
  }
  switch (action) {
    case Action.PREPARE:
      return [
        {
          dfsp: to,
          endpoint: 'TRANSFER_POST',
          method: 'POST',
          path: '/transfers',
          headers: handedOn(content.headers),
          body: original(),
        },
      ]
    case Action.PREPARE_DUPLICATE:
      return [put(to, content.payload)]
    case Action.COMMIT:
      return [put(to, original(), handedOn(content.headers)), put(from, original())]
    case Action.RESERVE: {
      const { fulfilment: _, ...outcome } = content.payload as Record<string, unknown>
      return [put(to, content.payload), put(from, outcome, undefined, 'PATCH')]
    }
    case Action.ABORT:
    case Action.REJECT:
      return [putError(to), putError(from)]
    default:
      log(`nobody is told of ${action}`)
      return []
  }
}

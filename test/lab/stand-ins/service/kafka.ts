import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { Enum, Util } from './mojaloop.ts'
import { log, type Received } from './server.ts'

const { StreamingProtocol } = Util

/** A message between the hub's services, as `@mojaloop/central-services-shared` shapes it. */
export interface Message {
  id: string
  from: string
  to: string
  content: {
    headers: Record<string, string>
    payload: unknown
    uriParams?: { id?: string }
    context?: { payer?: string; payee?: string }
  }
  metadata: { event: { type: string; action: string; state: { status: string; code: string | number } } }
}

/** What a DFSP sent, on its way to a handler: its body as a data URI. */
export function messageOf(id: string, received: Received, to: string, type: string, action: string): Message {
  const { headers, text } = received
  const { SUCCESS } = Enum.Events.EventStatus
  const state = StreamingProtocol.createEventState(SUCCESS.status, SUCCESS.code, SUCCESS.description)
  const metadata = StreamingProtocol.createMetadata(id, StreamingProtocol.createEventMetadata(type, action, state))
  const dataUri = StreamingProtocol.encodePayload(text, headers['content-type'] ?? '')
  const from = headers['fspiop-source'] ?? ''
  return StreamingProtocol.createMessageFromRequest(id, { headers, dataUri, params: { id } }, to, from, metadata)
}

/** The body of a DFSP's message, exactly as it was sent. */
export function bodyOf(message: Message): string {
  return StreamingProtocol.decodePayload(message.content.payload, { asParsed: false }).body
}

export async function openProducer(brokers: string): Promise<(topic: string, message: Message) => Promise<void>> {
  const producer = new Producer({
    clientId: 'stand-in',
    bootstrapBrokers: brokers.split(','),
    serializers: stringSerializers,
    autocreateTopics: false,
  })
  return async (topic, message) => {
    await producer.send({ messages: [{ topic, key: message.id, value: JSON.stringify(message) }] })
  }
}

/** Takes each message once, in order; one that cannot be handled is told and left behind. Comes back after a broker did. */
export async function consume(
  brokers: string,
  groupId: string,
  topic: string,
  handle: (message: Message) => Promise<void>,
) {
  for (;;) {
    try {
      await consumeUntilBroken(brokers, groupId, topic, handle)
    } catch (error) {
      log(`reading ${topic}: ${error instanceof Error ? error.message : error}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
}

async function consumeUntilBroken(
  brokers: string,
  groupId: string,
  topic: string,
  handle: (message: Message) => Promise<void>,
): Promise<void> {
  const consumer = new Consumer({
    groupId,
    clientId: 'stand-in',
    bootstrapBrokers: brokers.split(','),
    deserializers: stringDeserializers,
    autocommit: false,
    sessionTimeout: 10_000,
    heartbeatInterval: 2_000,
    maxWaitTime: 100,
    autocreateTopics: false,
  })
  try {
    const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' })
    log(`reading ${topic} as ${groupId}`)
    for await (const { value, commit } of stream) {
      await handle(JSON.parse(value ?? '{}')).catch((error: Error) => log(`${topic}: ${error.message}`))
      await commit()
    }
  } finally {
    await consumer.close(true).catch(() => {})
  }
}

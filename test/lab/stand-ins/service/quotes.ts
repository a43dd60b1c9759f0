import { Dfsps, handedOn } from './dfsps.ts'
import { Documents } from './document.ts'
import { bodyOf, consume, type Message, messageOf, openProducer } from './kafka.ts'
import { Enum } from './mojaloop.ts'
import { type Answering, log, serve } from './server.ts'
import type { Settings } from './settings.ts'
import { Signatures } from './signatures.ts'

const { Action, Type } = Enum.Events.Event
const TOPICS = { post: 'topic-quotes-post', put: 'topic-quotes-put' }

/** quoting-service's API: what DFSPs send goes to its handlers. */
export async function serveQuotes(settings: Settings): Promise<void> {
  const documents = await Documents.read()
  const produce = await openProducer(settings.KAFKA.PRODUCER.QUOTE.POST.config.rdkafkaConf['metadata.broker.list'])
  const answering: Answering = async (received) => {
    const { method, path, headers, body } = received
    const destination = headers['fspiop-destination'] ?? ''
    const [, resource, id = ''] = path.split('/')
    if (resource !== 'quotes') return undefined
    if (method === 'POST') {
      const { quoteId } = body as { quoteId: string }
      await produce(TOPICS.post, messageOf(quoteId, received, destination, Type.QUOTE, Action.POST))
      return { status: 202 }
    }
    if (method !== 'PUT') return undefined
    await produce(TOPICS.put, messageOf(id, received, destination, Type.QUOTE, Action.PUT))
    return { status: 200 }
  }
  await serve(settings.PORT, answering, { documents, signatures: new Signatures(settings) })
}

/** quoting-service's handlers: each quote goes on to the DFSP that it is for. Of other kinds they are only read. */
export async function handleQuotes(settings: Settings): Promise<void> {
  const documents = await Documents.read()
  const dfsps = new Dfsps({ ledgerUrl: settings.SWITCH_ENDPOINT, keptMs: 5_000, documents })
  await serve(settings.MONITORING_PORT, async () => undefined)
  const tell = (method: string, path: (id: string) => string) => (message: Message) =>
    dfsps.tell({
      dfsp: message.to,
      endpoint: 'QUOTES',
      method,
      path: path(message.id),
      headers: handedOn(message.content.headers),
      body: bodyOf(message),
    })
  const { QUOTE, BULK_QUOTE, FX_QUOTE } = settings.KAFKA.CONSUMER
  const { POST, PUT, GET } = QUOTE
  const group = ({ config }: typeof POST) =>
    [config.rdkafkaConf['metadata.broker.list'], config.rdkafkaConf['group.id'] ?? ''] as const
  await Promise.all([
    consume(
      ...group(POST),
      TOPICS.post,
      tell('POST', () => '/quotes'),
    ),
    consume(
      ...group(PUT),
      TOPICS.put,
      tell('PUT', (id) => `/quotes/${id}`),
    ),
    ...Object.entries({ quotes: { GET }, bulkquotes: BULK_QUOTE, 'fx-quotes': FX_QUOTE }).flatMap(([name, verbs]) =>
      Object.entries(verbs).map(([verb, client]) => {
        const topic = `topic-${name}-${verb.toLowerCase()}`
        return consume(...group(client), topic, async (message) => log(`${topic}: ${message.id} is not handed on`))
      }),
    ),
  ])
}

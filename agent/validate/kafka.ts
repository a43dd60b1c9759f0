import { setTimeout as delay } from 'node:timers/promises'
import { MojaboxError } from '../../bundles/format/error.ts'

interface GroupMember {
  /** Address the member connected from. */
  host: string
  partitions: { topic: string; partition: number }[]
}

export interface ConsumerGroup {
  /** Kafka's own word: `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Empty`, `Dead`. */
  state: string
  members: GroupMember[]
}

interface PartitionLag {
  partition: number
  /** Next offset the group will read; -1 when it never committed one. */
  committed: bigint
  end: bigint
}

/** What mojabox asks of a Kafka cluster. Every call ends within the time given to `openKafka`. */
export interface Kafka {
  /** Partitions of each topic that exists, by name. */
  topics(): Promise<Map<string, number>>
  createTopic(name: string, partitions: number): Promise<void>
  /** Raises a topic to `partitions`; never lowers it. */
  addPartitions(name: string, partitions: number): Promise<void>
  group(id: string): Promise<ConsumerGroup>
  lag(group: string, topic: string, partitions: number): Promise<PartitionLag[]>
  close(): Promise<void>
}

interface KafkaOptions {
  brokers: string[]
  signal: AbortSignal
  /** For each call; default 5 000. */
  timeoutMs?: number
}

/** @throws MojaboxError `kafka-unreachable` when no broker answers in time; `kafka-refused` when one says no. */
export type OpenKafka = (options: KafkaOptions) => Promise<Kafka>

const GROUP_ID_NOT_FOUND = 69
const CLOSE_MS = 500

/**
 * Loads the client on first use only: it takes some 40 to 60 MB of memory, for as long as the process lives.
 * @throws MojaboxError `kafka-unreachable`
 */
export const openKafka: OpenKafka = async ({ brokers, signal, timeoutMs = 5_000 }) => {
  const { Admin } = await import('@platformatic/kafka')
  const admin = new Admin({
    clientId: 'mojabox',
    bootstrapBrokers: brokers,
    connectTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    retries: 2,
    retryDelay: 200,
    autocreateTopics: false,
  })

  /** The client's own time-outs add up over its retries; this is the one that holds. */
  async function within<T>(what: string, work: Promise<T>): Promise<T> {
    const { promise: stopped, reject } = Promise.withResolvers<never>()
    const stop = () =>
      reject(signal.aborted ? signal.reason : unreachable(brokers, what, `no answer in ${timeoutMs / 1000} s`))
    const timer = setTimeout(stop, timeoutMs)
    signal.addEventListener('abort', stop, { once: true })
    try {
      signal.throwIfAborted()
      return await Promise.race([work, stopped])
    } catch (error) {
      if (error instanceof MojaboxError || signal.aborted) throw error
      throw translated(error, brokers, what)
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      work.catch(() => {})
    }
  }

  async function ends(topic: string, partitions: number): Promise<Map<number, bigint>> {
    const wanted = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1n }))
    const listed = await admin.listOffsets({ topics: [{ name: topic, partitions: wanted }] })
    return new Map(listed.flatMap((entry) => entry.partitions).map((entry) => [entry.partitionIndex, entry.offset]))
  }

  async function commits(group: string, topic: string): Promise<Map<number, bigint>> {
    const [listed] = await admin.listConsumerGroupOffsets({ groups: [group] })
    const partitions = listed?.topics.find((entry) => entry.name === topic)?.partitions ?? []
    return new Map(partitions.map((entry) => [entry.partitionIndex, entry.committedOffset]))
  }

  async function describe(id: string): Promise<ConsumerGroup> {
    try {
      const group = (await admin.describeGroups({ groups: [id] })).get(id)
      const members = [...(group?.members.values() ?? [])].map((member) => ({
        host: member.clientHost.replace(/^\//, ''),
        partitions: [...(member.assignments?.values() ?? [])].flatMap(({ topic, partitions }) =>
          partitions.map((partition) => ({ topic, partition })),
        ),
      }))
      return { state: group?.state ?? 'Dead', members }
    } catch (error) {
      if (apiCodes(error).includes(GROUP_ID_NOT_FOUND)) return { state: 'Dead', members: [] }
      throw error
    }
  }

  async function topics(): Promise<Map<string, number>> {
    const names = await admin.listTopics()
    const metadata = await admin.metadata({ topics: names, forceUpdate: true })
    return new Map([...metadata.topics].map(([name, topic]) => [name, topic?.partitionsCount ?? 0]))
  }

  return {
    topics: () => within('listing topics', topics()),
    createTopic: async (name, partitions) => {
      await within(`creating topic ${name}`, admin.createTopics({ topics: [name], partitions, replicas: 1 }))
    },
    addPartitions: (name, count) =>
      within(`adding partitions to ${name}`, admin.createPartitions({ topics: [{ name, count }] })),
    group: (id) => within(`describing consumer group ${id}`, describe(id)),
    lag: async (group, topic, partitions) => {
      const [end, committed] = await within(
        `reading the lag of ${group}`,
        Promise.all([ends(topic, partitions), commits(group, topic)]),
      )
      return [...end].map(([partition, offset]) => ({
        partition,
        end: offset,
        committed: committed.get(partition) ?? -1n,
      }))
    },
    close: () => settledOrAfter(admin.close(), CLOSE_MS),
  }
}

/** A dead broker must not hold up the end of a run, nor a timer the end of the process. */
async function settledOrAfter(work: Promise<unknown>, ms: number): Promise<void> {
  const done = new AbortController()
  const timer = delay(ms, undefined, { signal: done.signal }).catch(() => {})
  await Promise.race([work.catch(() => {}), timer])
  done.abort()
}

function unreachable(brokers: string[], what: string, found: string, cause?: unknown): MojaboxError {
  return new MojaboxError(
    {
      code: 'kafka-unreachable',
      kind: 'step',
      message: `${what}: kafka at ${brokers.join(', ')} does not answer`,
      found,
      needed: 'a broker that answers',
      next: 'docker ps --all --filter name=kafka',
    },
    { cause },
  )
}

function translated(error: unknown, brokers: string[], what: string): MojaboxError {
  const code = codeOf(error)
  const answered = apiCodes(error).length > 0 || code === 'PLT_KFK_USER'
  if (!answered) return unreachable(brokers, what, deepest(error), error)
  const found = deepest(error)
  return new MojaboxError(
    { code: 'kafka-refused', kind: 'step', message: `${what}: kafka refuses: ${found}`, found },
    { cause: error },
  )
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Error codes of Kafka's protocol anywhere inside; none when no broker answered. */
function apiCodes(error: unknown): number[] {
  if (!(error instanceof Error)) return []
  const own = 'apiCode' in error && typeof error.apiCode === 'number' ? [error.apiCode] : []
  const inner = error instanceof AggregateError ? error.errors : []
  return [...own, ...inner.flatMap(apiCodes), ...apiCodes(error.cause)]
}

/** The words of the innermost error: the broker's own when it gave any. */
function deepest(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('serverErrorMessage' in error && typeof error.serverErrorMessage === 'string') return error.serverErrorMessage
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause
  return inner === undefined ? error.message : deepest(inner)
}

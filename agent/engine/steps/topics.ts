import { MojaboxError } from '../../../bundles/format/error.ts'
import type { StepContext, StepHandler } from '../../contract/step.ts'
import { type Kafka, type OpenKafka, openKafka } from '../../validate/kafka.ts'

export interface TopicsParams {
  brokers: string[]
  /** Partitions by topic. */
  topics: Record<string, number>
}

/** Kafka topics with at least their partitions. Topics go with the data, so there is nothing to undo. */
export const topics = topicsWith(openKafka)

export function topicsWith(open: OpenKafka): StepHandler<TopicsParams> {
  return {
    describe: (params) => `${Object.keys(params.topics).length} Kafka topics with their partitions`,

    isDone: (context, params) =>
      withKafka(open, context, params, async (kafka) => lacking(params, await kafka.topics()).length === 0).catch(
        falseIfUnreachable,
      ),

    apply: (context, params) =>
      withKafka(open, context, params, async (kafka) => {
        const present = await kafka.topics()
        const wanted = lacking(params, present)
        for (const [index, [name, partitions]] of wanted.entries()) {
          if (present.has(name)) await kafka.addPartitions(name, partitions)
          else await kafka.createTopic(name, partitions)
          context.progress(index + 1, wanted.length, 'items', name)
        }
        await settled(context, kafka, params)
      }),
  }
}

const SETTLED_MS = 10_000

/** A topic that was made is listed a moment later. */
async function settled(context: StepContext, kafka: Kafka, params: TopicsParams): Promise<void> {
  const until = performance.now() + SETTLED_MS
  while (lacking(params, await kafka.topics()).length > 0 && performance.now() < until) {
    context.signal.throwIfAborted()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function lacking(params: TopicsParams, present: Map<string, number>): [string, number][] {
  return Object.entries(params.topics).filter(([name, partitions]) => (present.get(name) ?? 0) < partitions)
}

async function withKafka<T>(
  open: OpenKafka,
  context: StepContext,
  params: TopicsParams,
  use: (kafka: Kafka) => Promise<T>,
): Promise<T> {
  const kafka = await open({ brokers: params.brokers, signal: context.signal })
  try {
    return await use(kafka)
  } finally {
    await kafka.close()
  }
}

function falseIfUnreachable(error: unknown): false {
  if (error instanceof MojaboxError && error.facts.code === 'kafka-unreachable') return false
  throw error
}

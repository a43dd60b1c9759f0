import type { ConsumerGroup, Kafka, OpenKafka } from '../../../agent/validate/kafka.ts'
import { MojaboxError } from '../../../bundles/format/error.ts'

/** A Kafka whose topics, groups and offsets a test sets. */
export class FakeKafka implements Kafka {
  readonly partitionsOf = new Map<string, number>()
  readonly groups = new Map<string, ConsumerGroup>()
  /** Unread messages by `group topic`; a list is used up one look at a time, its last entry stays. */
  readonly unread = new Map<string, bigint[]>()
  readonly calls: string[] = []
  reachable = true
  closed = 0

  readonly open: OpenKafka = async () => this

  async topics(): Promise<Map<string, number>> {
    this.mustAnswer('listing topics')
    return new Map(this.partitionsOf)
  }

  async createTopic(name: string, partitions: number): Promise<void> {
    this.calls.push(`create ${name} ${partitions}`)
    this.partitionsOf.set(name, partitions)
  }

  async addPartitions(name: string, partitions: number): Promise<void> {
    this.calls.push(`raise ${name} ${partitions}`)
    this.partitionsOf.set(name, partitions)
  }

  async group(id: string): Promise<ConsumerGroup> {
    this.mustAnswer(`describing consumer group ${id}`)
    return this.groups.get(id) ?? { state: 'Dead', members: [] }
  }

  async lag(group: string, topic: string, partitions: number) {
    this.mustAnswer(`reading the lag of ${group}`)
    const left = this.unread.get(`${group} ${topic}`) ?? [0n]
    const unread = (left.length > 1 ? left.shift() : left[0]) ?? 0n
    return Array.from({ length: partitions }, (_, partition) => ({
      partition,
      committed: 100n,
      end: 100n + (partition === 0 ? unread : 0n),
    }))
  }

  async close(): Promise<void> {
    this.closed += 1
  }

  private mustAnswer(what: string): void {
    if (this.reachable) return
    throw new MojaboxError({ code: 'kafka-unreachable', kind: 'step', message: `${what}: kafka does not answer` })
  }
}

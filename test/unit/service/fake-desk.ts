import { duplexPair } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { Channel, type DeskMessage, type NodeMessage, PROTOCOL_VERSION } from '../../../agent/contract/channel.ts'
import type { Event } from '../../../agent/contract/events.ts'
import type { WorkOrder } from '../../../agent/contract/work-order.ts'

type Get = Extract<NodeMessage, { type: 'get' }>

/** The desk's end of a channel, told by the test what to answer; what it heard is kept. */
export class FakeDesk {
  readonly heard: NodeMessage[] = []
  /** The node's end. */
  readonly node: Channel<DeskMessage, NodeMessage>
  readonly channel: Channel<NodeMessage, DeskMessage>

  constructor() {
    const [near, far] = duplexPair()
    this.channel = Channel.desk(near)
    this.node = Channel.node(far)
    this.channel.onMessage = (message) => this.heard.push(message)
  }

  get events(): Event[] {
    return this.heard.flatMap((message) => (message.type === 'event' ? [message.event] : []))
  }

  get gets(): Get[] {
    return this.heard.filter((message) => message.type === 'get')
  }

  async nextGet(index = 0): Promise<Get> {
    return eventually(() => this.gets[index])
  }

  async send(get: Pick<Get, 'id'>, bytes: Buffer | string): Promise<void> {
    await this.channel.sendData(get.id, Buffer.from(bytes))
  }

  end(get: Pick<Get, 'id'>): void {
    this.channel.send({ type: 'end', id: get.id })
  }

  hello(order: WorkOrder, protocol = PROTOCOL_VERSION): void {
    this.channel.send({ type: 'hello', protocol, order, deskTime: new Date().toISOString() })
  }
}

/** The first value that is not undefined. */
export async function eventually<T>(look: () => T | undefined, limitMs = 5_000): Promise<T> {
  const limit = Date.now() + limitMs
  for (;;) {
    const found = look()
    if (found !== undefined) return found
    if (Date.now() > limit) throw new Error(`it did not happen within ${limitMs} ms`)
    await delay(2)
  }
}

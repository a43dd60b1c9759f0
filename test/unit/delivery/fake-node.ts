import { duplexPair } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import {
  Channel,
  type DeskMessage,
  linkLost,
  type NodeMessage,
  PROTOCOL_VERSION,
} from '../../../agent/contract/channel.ts'
import type { Event, EventBody } from '../../../agent/contract/events.ts'
import type { WorkOrder } from '../../../agent/contract/work-order.ts'
import type { Connection, ExecOptions, ExecResult, RemoteProcess } from '../../../installer/fleet/connection.ts'

/** Whether a command asks for the digest of the executable that is there. */
export const asksDigest = (argv: readonly string[]): boolean => argv[0] === 'sh' && /sha256sum/.test(argv[2] ?? '')

/** One run of `mojabox node attach`, the node's side of it. */
export class Attachment {
  readonly heard: DeskMessage[] = []
  readonly received = new Map<number, Buffer>()
  readonly argv: string[]
  readonly process: RemoteProcess
  readonly channel: Channel<DeskMessage, NodeMessage>
  killed = false
  stderr = ''
  /** Whether the node ends its side when the desk has ended its own. */
  hangsUp = true
  /** Whether it goes at once when the desk dismisses it. */
  goes = true
  readonly #exited = Promise.withResolvers<number>()
  readonly #streams: ReturnType<typeof duplexPair>

  constructor(argv: string[]) {
    this.argv = argv
    this.#streams = duplexPair()
    const [near, far] = this.#streams
    near.on('error', () => {})
    far.on('error', () => {})
    this.channel = Channel.node(far)
    this.channel.onMessage = (message) => {
      this.heard.push(message)
      if (message.type === 'dismiss' && this.goes) this.channel.end()
    }
    this.channel.onData = (id, bytes) => {
      this.received.set(id, Buffer.concat([this.received.get(id) ?? Buffer.alloc(0), bytes]))
    }
    this.#exited.promise.catch(() => {})
    void this.channel.closed.then(() => this.hangsUp && this.exit(0))
    this.process = {
      stream: near,
      stderrTail: () => this.stderr,
      exited: this.#exited.promise,
      kill: () => {
        this.killed = true
      },
    }
  }

  async hello(): Promise<{ order: WorkOrder; deskTime: string }> {
    const hello = await this.wait('hello')
    return { order: hello.order as WorkOrder, deskTime: hello.deskTime }
  }

  async wait<T extends DeskMessage['type']>(type: T): Promise<Extract<DeskMessage, { type: T }>> {
    const limit = Date.now() + 5_000
    for (;;) {
      const found = this.heard.find((message) => message.type === type)
      if (found) return found as Extract<DeskMessage, { type: T }>
      if (Date.now() > limit) throw new Error(`no ${type}`)
      await delay(2)
    }
  }

  /** Hello is awaited, the desk welcomed. */
  async welcome(attached = false): Promise<WorkOrder> {
    const { order } = await this.hello()
    this.channel.send({ type: 'welcome', protocol: PROTOCOL_VERSION, attached })
    return order
  }

  tell(body: EventBody, order: Pick<WorkOrder, 'host' | 'run'>, at = '2027-01-01T00:00:00.000Z'): Event {
    const event: Event = { ...body, at, host: order.host, run: order.run }
    this.channel.send({ type: 'event', event })
    return event
  }

  finish(order: WorkOrder, changes: Partial<Extract<EventBody, { type: 'run-finished' }>> = {}): Event {
    return this.tell({ type: 'run-finished', outcome: 'done', changed: 0, seconds: 1, ...changes }, order)
  }

  /** The command ends: with its own code, or with the link. */
  exit(code: number, stderr = ''): void {
    this.stderr = stderr
    this.#exited.resolve(code)
    this.channel.end()
  }

  /** The link is cut once what was said has arrived. */
  async cut(): Promise<void> {
    await delay(20)
    this.hangsUp = false
    this.#exited.reject(linkLost())
    this.#streams[0].destroy(linkLost())
  }
}

/** A host that answers commands as told, and whose engine the test plays. */
export class FakeNode {
  readonly executed: { argv: string[]; input: Buffer | undefined }[] = []
  readonly attachments: Attachment[] = []
  closed = 0
  /** Plays the node for one attachment; awaited nowhere. */
  play: (attachment: Attachment, index: number) => Promise<void> = async (attachment) => {
    attachment.finish(await attachment.welcome())
  }
  answer: (argv: string[]) => Partial<ExecResult> | undefined = () => undefined
  readonly failures: unknown[] = []

  connect(name = 'n1'): Connection {
    return {
      name,
      address: `ops@${name}:22`,
      exec: (argv, options) => this.#exec(argv, options),
      spawn: async (argv) => {
        const attachment = new Attachment(argv)
        this.attachments.push(attachment)
        this.play(attachment, this.attachments.length - 1).catch((error) => this.failures.push(error))
        return attachment.process
      },
      interactive: () => Promise.reject(new Error('nobody sits here')),
      connect: () => Promise.reject(new Error('nothing listens here')),
      close: async () => {
        this.closed += 1
      },
    }
  }

  async #exec(argv: string[], options: ExecOptions = {}): Promise<ExecResult> {
    const pieces: Buffer[] = []
    if (options.input && typeof options.input === 'object' && !Buffer.isBuffer(options.input)) {
      for await (const piece of options.input) pieces.push(Buffer.from(piece))
    }
    this.executed.push({ argv, input: pieces.length > 0 ? Buffer.concat(pieces) : undefined })
    const usual = argv[0] === 'uname' ? { stdout: 'x86_64\n' } : {}
    return { code: 0, stdout: '', stderr: '', ...usual, ...this.answer(argv) }
  }
}

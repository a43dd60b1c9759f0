import type { Duplex } from 'node:stream'
import { z } from 'zod'
import { MojaboxError } from '../../bundles/format/error.ts'
import { Digest } from '../../bundles/format/manifest.ts'
import type { Event } from './events.ts'

/** Changes when the frames change; both sides must name the same. */
export const PROTOCOL_VERSION = 3

/** Largest piece of a blob in one frame, bytes (256 KiB measured best in both directions of one SSH channel). */
export const CHUNK_BYTES = 256 * 1024

/** How often the desk says that it is there, and after how long a silent desk may be replaced. */
export const PING_EVERY_MS = 2_000
export const DESK_SILENT_MS = 8_000

/** The first bytes of either direction: what comes before them (a stray line of sudo or a login shell) is skipped. */
const MAGIC = Buffer.from('\u0000mojabox\u0001')
const MAX_FRAME_BYTES = 4 * 1024 * 1024
const JSON_FRAME = 0
const DATA_FRAME = 1

/** Another host of the run, where it hands on blobs. */
const Peer = z.object({
  host: z.string(),
  address: z.string(),
  port: z.number(),
  /** SHA-256 of the certificate that it shows. */
  fingerprint: z.string(),
  /** Lets in the host that is told, and no other (`seedingTicket`). */
  ticket: z.string(),
})
export type Peer = z.infer<typeof Peer>

const DeskMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), protocol: z.number(), order: z.unknown(), deskTime: z.string() }),
  z.object({ type: z.literal('blob'), id: z.number(), size: z.number() }),
  z.object({ type: z.literal('end'), id: z.number() }),
  /** The bundle has no such blob, or (`unreadable`) cannot be read any more: a medium that was pulled out. */
  z.object({ type: z.literal('missing'), id: z.number(), message: z.string(), unreadable: z.boolean().optional() }),
  /** In place of the blob: that host has it, or is getting it. */
  z.object({ type: z.literal('elsewhere'), id: z.number(), host: z.string() }),
  /** All the others; a later list replaces it. */
  z.object({ type: z.literal('peers'), peers: z.array(Peer) }),
  /** No other host wants these any more. */
  z.object({ type: z.literal('release'), digests: z.array(Digest) }),
  /** No other host wants anything of this one any more: it closes its port, says goodbye and goes. */
  z.object({ type: z.literal('dismiss') }),
  z.object({ type: z.literal('ping') }),
  z.object({ type: z.literal('abort') }),
])
/** What the desk says. The order of a desk of another version may look otherwise: it is read after its protocol was. */
export type DeskMessage = z.infer<typeof DeskMessage>

const NodeMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('welcome'), protocol: z.number(), attached: z.boolean() }),
  z.object({ type: z.literal('refused'), message: z.string(), found: z.string(), next: z.string() }),
  z.object({
    type: z.literal('event'),
    event: z.custom<Event>((value) => typeof value === 'object' && value !== null),
  }),
  z.object({
    type: z.literal('get'),
    id: z.number(),
    digest: Digest,
    offset: z.number().int().nonnegative(),
    /** The node takes it from another host too, but from none of these, and hands it on. */
    without: z.array(z.string()).optional(),
    /** From that host it came slowly. */
    slow: z.string().optional(),
  }),
  /** Here the node hands on blobs, to those whom the desk gives tickets made of this secret. */
  z.object({ type: z.literal('seeding'), port: z.number(), fingerprint: z.string(), secret: z.string() }),
  /** All that this run will ask for. */
  z.object({ type: z.literal('wants'), digests: z.array(Digest) }),
  /** These are whole here, and can be had. */
  z.object({ type: z.literal('has'), digests: z.array(Digest) }),
  /** The desk was tried for that blob in place of a slow host. */
  z.object({ type: z.literal('tried'), digest: Digest, quicker: z.boolean() }),
  z.object({ type: z.literal('cancel'), id: z.number() }),
  z.object({ type: z.literal('bye') }),
])
/** What the node says. */
export type NodeMessage = z.infer<typeof NodeMessage>

/**
 * Frames over one byte stream in both directions: `length u32 | kind u8 | payload`, payload either JSON or
 * `id u32 | bytes` of a blob. `Out` is what this side sends, `In` what it hears.
 */
export class Channel<In, Out> {
  readonly #stream: Duplex
  readonly #schema: z.ZodType<In>
  #rest: Buffer = Buffer.alloc(0)
  #greeted = false
  #draining: Promise<void> | undefined
  onMessage: (message: In) => void = () => {}
  /** Awaited before more is read: back-pressure to the other side. */
  onData: (id: number, bytes: Buffer) => Promise<void> | void = () => {}
  readonly closed: Promise<Error | undefined>

  private constructor(stream: Duplex, schema: z.ZodType<In>) {
    this.#stream = stream
    this.#schema = schema
    this.#stream.write(MAGIC)
    this.closed = this.#readAll()
  }

  static desk(stream: Duplex): Channel<NodeMessage, DeskMessage> {
    return new Channel<NodeMessage, DeskMessage>(stream, NodeMessage)
  }

  static node(stream: Duplex): Channel<DeskMessage, NodeMessage> {
    return new Channel<DeskMessage, NodeMessage>(stream, DeskMessage)
  }

  send(message: Out): void {
    const body = Buffer.from(JSON.stringify(message))
    this.#write(JSON_FRAME, body)
  }

  /** Resolves when the stream can take more; rejects when it is closed. */
  async sendData(id: number, bytes: Buffer): Promise<void> {
    const head = Buffer.allocUnsafe(4)
    head.writeUInt32BE(id)
    if (!this.#write(DATA_FRAME, head, bytes)) await this.#drained()
  }

  /** Ends this side once what was written is out. */
  end(): void {
    if (!this.#stream.writableEnded) this.#stream.end()
  }

  destroy(): void {
    this.#stream.destroy()
  }

  #write(kind: number, ...parts: Buffer[]): boolean {
    if (this.#stream.destroyed || this.#stream.writableEnded) return true
    const length = parts.reduce((sum, part) => sum + part.length, 1)
    const head = Buffer.allocUnsafe(5)
    head.writeUInt32BE(length)
    head.writeUInt8(kind, 4)
    return this.#stream.write(Buffer.concat([head, ...parts]))
  }

  /** One wait for all senders, however many blobs share the link. */
  #drained(): Promise<void> {
    this.#draining ??= new Promise<void>((resolve, reject) => {
      const settle = () => {
        this.#draining = undefined
        this.#stream.off('drain', settle).off('close', settle)
        if (this.#stream.destroyed) reject(linkLost())
        else resolve()
      }
      if (this.#stream.destroyed) return settle()
      this.#stream.on('drain', settle).on('close', settle)
    })
    return this.#draining
  }

  async #readAll(): Promise<Error | undefined> {
    try {
      for await (const piece of this.#stream) {
        this.#rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
        await this.#takeFrames()
      }
      return undefined
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  async #takeFrames(): Promise<void> {
    if (!this.#greeted) {
      const at = this.#rest.indexOf(MAGIC)
      if (at < 0) {
        this.#rest = this.#rest.subarray(Math.max(0, this.#rest.length - MAGIC.length))
        return
      }
      this.#greeted = true
      this.#rest = this.#rest.subarray(at + MAGIC.length)
    }
    while (this.#rest.length >= 5) {
      const length = this.#rest.readUInt32BE(0)
      if (length < 1 || length > MAX_FRAME_BYTES) throw new Error(`frame of ${length} bytes`)
      if (this.#rest.length < 4 + length) return
      const kind = this.#rest.readUInt8(4)
      const body = this.#rest.subarray(5, 4 + length)
      this.#rest = this.#rest.subarray(4 + length)
      if (kind === DATA_FRAME) await this.onData(body.readUInt32BE(0), body.subarray(4))
      else this.onMessage(this.#schema.parse(JSON.parse(body.toString())))
    }
  }
}

/** The link to the other side ended in the middle. */
export function linkLost(): MojaboxError {
  return new MojaboxError({
    code: 'host-lost',
    kind: 'host',
    message: 'the connection was lost',
    found: 'no way to the other side any more',
    needed: 'a link that lasts, or comes back',
    next: 'run the same command again: it resumes where it stopped',
  })
}

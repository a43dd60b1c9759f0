import { duplexPair } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { Channel, type DeskMessage, type NodeMessage } from '../../../agent/contract/channel.ts'
import type { DeskLink } from '../../../agent/service/desk-link.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'

/** What it hands over at a time. */
export const PIECE_BYTES = 64 * 1024

/** A desk that hands blobs over at a walking pace, over a link that can be cut and laid again. */
export class SlowDesk {
  readonly #blobs: ReadonlyMap<Digest, Buffer>
  readonly #link: DeskLink
  /** Every request, with where it began. */
  readonly asked: { digest: Digest; offset: number }[] = []
  sentBytes = 0
  bytesPerSecond = 4_000_000
  readonly #cancelled = new Set<number>()
  #channel: Channel<NodeMessage, DeskMessage> | undefined
  #cut: (() => void) | undefined

  constructor(blobs: ReadonlyMap<Digest, Buffer>, link: DeskLink) {
    this.#blobs = blobs
    this.#link = link
  }

  /** Lays the link: the node has its desk (again). */
  connect(): void {
    const [near, far] = duplexPair()
    near.on('error', () => {})
    far.on('error', () => {})
    const channel = Channel.desk(near)
    channel.onMessage = (message) => {
      if (message.type === 'get') void this.#answer(channel, message)
      if (message.type === 'cancel') this.#cancelled.add(message.id)
    }
    this.#channel = channel
    this.#cut = () => {
      near.destroy()
      far.destroy()
    }
    this.#link.attach(Channel.node(far), false, 1)
  }

  cut(): void {
    this.#channel = undefined
    this.#cut?.()
  }

  async #answer(channel: Channel<NodeMessage, DeskMessage>, get: Extract<NodeMessage, { type: 'get' }>): Promise<void> {
    const { id, digest, offset } = get
    this.asked.push({ digest, offset })
    const bytes = this.#blobs.get(digest)
    if (!bytes) return channel.send({ type: 'missing', id, message: `the desk's bundle lacks ${digest}` })
    for (let at = offset; at < bytes.length; at += PIECE_BYTES) {
      await delay((PIECE_BYTES / this.bytesPerSecond) * 1000)
      if (this.#channel !== channel || this.#cancelled.has(id)) return
      const piece = bytes.subarray(at, at + PIECE_BYTES)
      await channel.sendData(id, piece).catch(() => {})
      this.sentBytes += piece.length
    }
    channel.send({ type: 'end', id })
  }
}

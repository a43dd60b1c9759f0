import { duplexPair } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Channel, type DeskMessage, type NodeMessage } from '../../../agent/contract/channel.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { FUZZ_LIMIT_MS, holds } from './holds.ts'
import { anyJson, anyNumber, deepJson, spoilt } from './made-up.ts'

const MAGIC = Buffer.from('\u0000mojabox\u0001')
const MiB = 1024 * 1024

function frame(kind: number, body: Buffer, length = body.length + 1): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(length)
  head.writeUInt8(kind, 4)
  return Buffer.concat([head, body])
}
const jsonFrame = (value: unknown): Buffer => frame(0, Buffer.from(JSON.stringify(value) ?? ''))

const DESK_SAYS: DeskMessage[] = [
  { type: 'hello', protocol: 1, order: { verb: 'install' }, deskTime: '2026-01-01T00:00:00Z' },
  { type: 'blob', id: 1, size: 2 },
  { type: 'end', id: 1 },
  { type: 'missing', id: 1, message: 'gone' },
  { type: 'elsewhere', id: 1, host: 'n2' },
  { type: 'peers', peers: [{ host: 'n2', address: '10.0.0.8', port: 1, fingerprint: 'AA', ticket: '00' }] },
  { type: 'release', digests: [digestOf('blob')] },
  { type: 'ping' },
  { type: 'abort' },
]
const NODE_SAYS: NodeMessage[] = [
  { type: 'welcome', protocol: 1, attached: false },
  { type: 'refused', message: 'busy', found: '', next: '' },
  { type: 'get', id: 1, digest: digestOf('blob'), offset: 0 },
  { type: 'seeding', port: 1, fingerprint: 'AA', secret: '00' },
  { type: 'wants', digests: [digestOf('blob')] },
  { type: 'has', digests: [digestOf('blob')] },
  { type: 'tried', digest: digestOf('blob'), quicker: true },
  { type: 'cancel', id: 1 },
  { type: 'bye' },
]

/** Frames of every kind, good and bad. */
function anyFrame(good: readonly object[]): fc.Arbitrary<Buffer> {
  const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
  return fc.oneof(
    fc.constantFrom(...good).map(jsonFrame),
    fc.constantFrom(...good).chain((message) => spoilt(message).map(jsonFrame)),
    anyJson.map(jsonFrame),
    bytes.map((body) => frame(0, body)),
    bytes.map((body) => frame(1, body)),
    fc.tuple(fc.nat(255), bytes).map(([kind, body]) => frame(kind, body)),
    // A length that is not the body's.
    fc.tuple(anyNumber, bytes).map(([length, body]) => frame(0, body, Math.abs(Math.trunc(length)) % 2 ** 32)),
    fc.constant(frame(0, Buffer.from(deepJson(50_000)))),
    bytes,
  )
}

/** A conversation as it may come out of a wire: cut into pieces wherever, with or without its greeting and its end. */
const conversation = (good: readonly object[]) =>
  fc.record({
    greeting: fc.oneof(
      { weight: 5, arbitrary: fc.constant(MAGIC) },
      { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
    ),
    frames: fc.array(anyFrame(good), { maxLength: 6 }),
    pieceBytes: fc.constantFrom(3, 700, 65_536),
    lost: fc.nat(4),
  })

async function hear(
  open: typeof Channel.desk | typeof Channel.node,
  { greeting, frames, pieceBytes, lost }: { greeting: Buffer; frames: Buffer[]; pieceBytes: number; lost: number },
): Promise<unknown[]> {
  const [near, far] = duplexPair()
  far.resume()
  far.on('error', () => {})
  const channel = open(near) as Channel<unknown, unknown>
  const messages: unknown[] = []
  channel.onMessage = (message) => messages.push(message)
  const whole = Buffer.concat([greeting, ...frames])
  const kept = whole.subarray(0, whole.length - (lost % (whole.length + 1)))
  const step = Math.max(pieceBytes, Math.ceil(kept.length / 400))
  for (let at = 0; at < kept.length; at += step) far.write(kept.subarray(at, at + step))
  far.end()
  await channel.closed
  channel.destroy()
  return messages
}

describe('whatever comes over the wire', () => {
  it.each([
    ['the node', Channel.node, DESK_SAYS],
    ['the desk', Channel.desk, NODE_SAYS],
  ] as const)(
    '%s hears nothing but messages that it knows, and ends',
    async (_who, open, good) => {
      const known = new Set<string>([...good.map(({ type }) => type), 'event'])
      await holds(conversation(good), 400, async (said) => {
        const messages = await hear(open, said)
        for (const message of messages) expect(known).toContain((message as { type: string }).type)
        if (said.greeting.length === 0 && !Buffer.concat(said.frames).includes(MAGIC)) expect(messages).toEqual([])
        expect(({} as Record<string, unknown>).a).toBeUndefined()
      })
    },
    FUZZ_LIMIT_MS,
  )

  it('a frame that is longer than any ends the link before it has come', async () => {
    const [near, far] = duplexPair()
    far.resume()
    const channel = Channel.node(near)
    far.write(Buffer.concat([MAGIC, frame(0, Buffer.alloc(0), 4 * MiB + 1)]))
    expect((await channel.closed)?.message).toContain(`${4 * MiB + 1} bytes`)
    expect(near.destroyed).toBe(true)
  })

  it('noise without end, before the greeting or as frames of nobody, is not kept', async () => {
    setFlagsFromString('--expose-gc')
    const gc: () => void = runInNewContext('gc')
    const collect = async () => {
      gc()
      await delay(20)
      gc()
    }
    const heldBy = async (first: Buffer, noise: Buffer) => {
      const [near, far] = duplexPair()
      far.resume()
      const channel = Channel.node(near)
      await collect()
      const before = process.memoryUsage().arrayBuffers
      far.write(first)
      for (let times = 0; times < 64; times += 1) {
        if (!far.write(noise)) await new Promise((resolve) => far.once('drain', resolve))
      }
      await collect()
      const held = process.memoryUsage().arrayBuffers - before
      channel.destroy()
      await channel.closed
      return held
    }
    expect(await heldBy(Buffer.alloc(0), Buffer.alloc(MiB, 'x'))).toBeLessThan(16 * MiB)
    expect(await heldBy(MAGIC, frame(1, Buffer.alloc(MiB)))).toBeLessThan(16 * MiB)
  })
})

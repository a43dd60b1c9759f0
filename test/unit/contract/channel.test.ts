import { duplexPair } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES, Channel, type DeskMessage, type NodeMessage } from '../../../agent/contract/channel.ts'
import { digestOf } from '../../../bundles/format/digest.ts'

const MAGIC = Buffer.from('\u0000mojabox\u0001')
const GET: NodeMessage = { type: 'get', id: 1, digest: digestOf('blob'), offset: 0 }

function frame(kind: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(body.length + 1)
  head.writeUInt8(kind, 4)
  return Buffer.concat([head, body])
}

const jsonFrame = (message: unknown) => frame(0, Buffer.from(JSON.stringify(message)))

function dataFrame(id: number, bytes: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(id)
  return frame(1, Buffer.concat([head, bytes]))
}

/** A desk's channel whose other end is raw bytes. */
function deskWithRawEnd() {
  const [near, far] = duplexPair()
  const channel = Channel.desk(near)
  const messages: NodeMessage[] = []
  const data: { id: number; bytes: Buffer }[] = []
  channel.onMessage = (message) => messages.push(message)
  channel.onData = (id, bytes) => void data.push({ id, bytes: Buffer.from(bytes) })
  return { channel, near, far, messages, data }
}

function pair() {
  const [near, far] = duplexPair()
  return { desk: Channel.desk(near), node: Channel.node(far), near, far }
}

async function until(condition: () => boolean): Promise<void> {
  const limit = Date.now() + 5_000
  while (!condition()) {
    if (Date.now() > limit) throw new Error('it did not happen within 5 s')
    await delay(1)
  }
}

describe('Channel', () => {
  it('puts frames together however they were split', async () => {
    const { far, messages, data, channel } = deskWithRawEnd()
    const bytes = Buffer.concat([
      MAGIC,
      jsonFrame(GET),
      dataFrame(7, Buffer.from('content')),
      jsonFrame({ type: 'bye' }),
    ])
    for (const byte of bytes) far.write(Buffer.from([byte]))
    far.end()
    expect(await channel.closed).toBeUndefined()
    expect(messages).toEqual([GET, { type: 'bye' }])
    expect(data).toEqual([{ id: 7, bytes: Buffer.from('content') }])
  })

  it('takes several frames out of one piece, in their order', async () => {
    const { far, channel, messages, data } = deskWithRawEnd()
    far.end(Buffer.concat([MAGIC, ...[1, 2, 3].map((id) => dataFrame(id, Buffer.alloc(id))), jsonFrame(GET)]))
    await channel.closed
    expect(data.map(({ id, bytes }) => [id, bytes.length])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ])
    expect(messages).toEqual([GET])
  })

  it.each([
    ['a line of sudo', '[sudo] password for ops: \r\n'],
    ['a login banner longer than a pipe', 'Welcome!\n'.repeat(20_000)],
    ['the beginning of a greeting', '\u0000moja'],
    ['a greeting that turns out to be none', '\u0000mojabox\u0000'],
  ])('skips %s before the greeting', async (_what, stray) => {
    const { far, channel, messages } = deskWithRawEnd()
    for (const piece of stray.match(/[\s\S]{1,4096}/g) ?? []) far.write(piece)
    far.write(MAGIC.subarray(0, 3))
    far.write(MAGIC.subarray(3))
    far.end(jsonFrame(GET))
    await channel.closed
    expect(messages).toEqual([GET])
  })

  it('hears nothing where no greeting comes', async () => {
    const { far, channel, messages } = deskWithRawEnd()
    far.end(jsonFrame(GET))
    expect(await channel.closed).toBeUndefined()
    expect(messages).toEqual([])
  })

  it.each([
    ['a frame larger than any of ours', Buffer.from([0x00, 0x40, 0x00, 0x01, 0x00])],
    ['a frame without a kind', Buffer.from([0, 0, 0, 0, 0])],
    ['text in place of frames', Buffer.from('Segmentation fault (core dumped)\n')],
    ['a frame that is no JSON', frame(0, Buffer.from('{'))],
    ['a message that this side does not know', jsonFrame({ type: 'dance' })],
    [
      'a request for something that is no digest',
      jsonFrame({ type: 'get', id: 1, digest: '../etc/passwd', offset: 0 }),
    ],
    ['a request from before the start', jsonFrame({ ...GET, offset: -1 })],
    ['data without an id', frame(1, Buffer.from([1, 2]))],
  ])('ends with an error on %s, and hears no more', async (_what, bytes) => {
    const { far, near, channel, messages, data } = deskWithRawEnd()
    far.write(Buffer.concat([MAGIC, bytes, jsonFrame(GET)]))
    expect(await channel.closed).toBeInstanceOf(Error)
    expect(messages).toEqual([])
    expect(data).toEqual([])
    expect(near.destroyed).toBe(true)
  })

  it('carries the largest piece of a blob', async () => {
    const { desk, node } = pair()
    const arrived: Buffer[] = []
    node.onData = (_id, bytes) => void arrived.push(Buffer.from(bytes))
    const sent = Buffer.alloc(CHUNK_BYTES, 'x')
    await desk.sendData(1, sent)
    await until(() => arrived.length === 1)
    expect(arrived[0]?.equals(sent)).toBe(true)
  })

  it('lets the sender wait until the reader has taken what it was given', async () => {
    const { desk, node } = pair()
    let release: () => void = () => {}
    let taken = 0
    node.onData = async () => {
      taken += 1
      await new Promise<void>((resolve) => (release = resolve))
    }
    let sent = 0
    const sending = (async () => {
      for (let piece = 0; piece < 8; piece += 1) {
        await desk.sendData(1, Buffer.alloc(CHUNK_BYTES))
        sent += 1
      }
    })()
    await until(() => taken === 1)
    await delay(50)
    expect(taken).toBe(1)
    expect(sent).toBeLessThan(4)
    for (let piece = 1; piece <= 8; piece += 1) {
      await until(() => taken === piece)
      release()
    }
    await sending
  })

  it('tells who waits to send that the connection was lost', async () => {
    const [near] = duplexPair()
    const channel = Channel.desk(near)
    const sending = (async () => {
      for (;;) await channel.sendData(1, Buffer.alloc(CHUNK_BYTES))
    })()
    const outcome = expect(sending).rejects.toMatchObject({ facts: { code: 'host-lost', kind: 'host' } })
    await delay(20)
    channel.destroy()
    await outcome
    expect(await channel.closed).toBeInstanceOf(Error)
  })

  it('says nothing, and throws nothing, once it is closed', async () => {
    const { desk, node } = pair()
    desk.destroy()
    await desk.closed
    desk.send({ type: 'ping' })
    await desk.sendData(1, Buffer.alloc(10))
    desk.end()
    node.destroy()
    await node.closed
  })

  it('ends cleanly when the other side has said all', async () => {
    const { desk, node } = pair()
    const heard: DeskMessage[] = []
    node.onMessage = (message) => heard.push(message)
    desk.send({ type: 'ping' })
    desk.end()
    expect(await node.closed).toBeUndefined()
    expect(heard).toEqual([{ type: 'ping' }])
  })

  it('lets many blobs wait for the same link without a warning on the terminal', async () => {
    const warnings: string[] = []
    const hear = ({ message }: Error) => warnings.push(message)
    process.on('warning', hear)
    const { desk, node } = pair()
    const ids = Array.from({ length: 24 }, (_, index) => index + 1)
    const sending = Promise.allSettled(ids.map((id) => desk.sendData(id, Buffer.alloc(CHUNK_BYTES))))
    await delay(20)
    node.destroy()
    desk.destroy()
    await sending
    process.off('warning', hear)
    expect(warnings).toEqual([])
  })
})

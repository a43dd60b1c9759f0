import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { CHUNK_BYTES, PROTOCOL_VERSION } from '../../../agent/contract/channel.ts'
import type { Event } from '../../../agent/contract/events.ts'
import type { BlobSource } from '../../../bundles/format/blob-source.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { MojaboxError } from '../../../bundles/format/error.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { Seeding } from '../../../installer/delivery/seeding.ts'
import { watchRun } from '../../../installer/delivery/session.ts'
import { eventually } from '../service/fake-desk.ts'
import { orderOf } from '../service/orders.ts'
import { type Attachment, FakeNode } from './fake-node.ts'

const CONTENT = randomBytes(700_000)
const DIGEST = digestOf(CONTENT)

class FakeBundle implements BlobSource {
  readonly open = new Set<Readable>()
  pieces: (offset: number) => AsyncIterable<Buffer> | Iterable<Buffer> = (offset) => [CONTENT.subarray(offset)]

  async sizeOf(digest: string) {
    return digest === DIGEST ? CONTENT.length : undefined
  }

  read(_digest: string, offset = 0): Readable {
    const stream = Readable.from(this.pieces(offset), { objectMode: false })
    this.open.add(stream)
    stream.once('close', () => this.open.delete(stream))
    return stream
  }
}

function watch(node: FakeNode, changes: Partial<Parameters<typeof watchRun>[0]> = {}) {
  const events: Event[] = []
  const done = watchRun({
    connection: node.connect(),
    executable: '/var/lib/mojabox/bin/mojabox',
    order: orderOf(),
    blobs: new FakeBundle(),
    onEvent: (event) => events.push(event),
    signal: new AbortController().signal,
    ...changes,
  })
  done.catch(() => {})
  return { done, events }
}

const errorOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (thrown) => thrown as MojaboxError,
  )

describe('watchRun', () => {
  it('hands the order over, tells every event, and gives the last', async () => {
    const node = new FakeNode()
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      attachment.tell({ type: 'run-started', verb: order.verb, deployment: 'd', profile: 'p' }, order)
      attachment.finish(order, { changed: 3 })
    }
    const { done, events } = watch(node)
    expect(await done).toMatchObject({ type: 'run-finished', outcome: 'done', changed: 3 })
    expect(events.map(({ type }) => type)).toEqual(['run-started', 'run-finished'])
    const [attachment] = node.attachments
    expect(attachment?.argv).toEqual(['/var/lib/mojabox/bin/mojabox', 'node', 'attach', 'install'])
    expect(attachment?.heard[0]).toMatchObject({ type: 'hello', protocol: PROTOCOL_VERSION, order: orderOf() })
    expect(attachment?.killed).toBe(true)
    expect(node.failures).toEqual([])
  })

  it('tells the node the desk’s time, for its clock to be compared', async () => {
    const node = new FakeNode()
    await watch(node).done
    const hello = await node.attachments[0]?.hello()
    expect(Math.abs(Date.now() - Date.parse(hello?.deskTime ?? ''))).toBeLessThan(5_000)
  })

  it('hangs up after the last event, also where the node stays silent', async () => {
    const node = new FakeNode()
    node.play = async (attachment) => {
      attachment.hangsUp = false
      attachment.finish(await attachment.welcome())
    }
    const startedAt = Date.now()
    await watch(node).done
    expect(Date.now() - startedAt).toBeLessThan(4_000)
    await node.attachments[0]?.channel.closed
  })

  it.each([0, 1, 262_144, 699_999, 700_000])('gives a blob from byte %i on', async (offset) => {
    const node = new FakeNode()
    let got: Buffer | undefined
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      attachment.channel.send({ type: 'get', id: 9, digest: DIGEST, offset })
      await attachment.wait('end')
      got = attachment.received.get(9) ?? Buffer.alloc(0)
      attachment.finish(order)
    }
    await watch(node).done
    expect(got?.equals(CONTENT.subarray(offset))).toBe(true)
    expect(node.attachments[0]?.heard).toContainEqual({ type: 'blob', id: 9, size: CONTENT.length })
  })

  it('sends first what was asked for first, and something small before anything else', async () => {
    const node = new FakeNode()
    const bundle = new FakeBundle()
    const small = Buffer.from('a configuration')
    const large = Buffer.alloc(20 * CHUNK_BYTES, 'layer ')
    const contents = new Map(
      [large, Buffer.alloc(large.length, 'other '), small].map((bytes) => [digestOf(bytes), bytes] as const),
    )
    let reads = 0
    bundle.sizeOf = async (digest: Digest) => contents.get(digest)?.length
    bundle.read = (digest: Digest) => {
      reads += 1
      return Readable.from([contents.get(digest) ?? small], { objectMode: false })
    }
    const order: string[] = []
    node.play = async (attachment) => {
      const workOrder = await attachment.welcome()
      const first = Promise.withResolvers<void>()
      attachment.channel.onData = async (id) => {
        order.push(`${id}`)
        await first.promise
      }
      for (const [at, digest] of [...contents.keys()].entries())
        attachment.channel.send({ type: 'get', id: at + 1, digest, offset: 0 })
      await eventually(() => (order.length > 0 && reads === 3 ? true : undefined))
      first.resolve()
      await eventually(() => (attachment.heard.filter(({ type }) => type === 'end').length === 3 ? true : undefined))
      attachment.finish(workOrder)
    }
    await watch(node, { blobs: bundle }).done
    expect(node.failures).toEqual([])
    // What was on its way already when another became ready is past ordering.
    expect(order.indexOf('3')).toBeLessThan(4)
    expect(
      order
        .filter((id) => id !== '3')
        .slice(2, -2)
        .join(''),
    ).toMatch(/^1{17,}2{17,}$/)
  })

  it('gives several blobs at once, none waiting for another’s end', async () => {
    const node = new FakeNode()
    const slow = Promise.withResolvers<void>()
    const bundle = new FakeBundle()
    let reads = 0
    bundle.pieces = async function* (offset) {
      reads += 1
      if (reads === 1) await slow.promise
      yield CONTENT.subarray(offset)
    }
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      for (const id of [1, 2]) attachment.channel.send({ type: 'get', id, digest: DIGEST, offset: 0 })
      await eventually(() => attachment.heard.find((message) => message.type === 'end' && message.id === 2))
      expect(attachment.received.has(1)).toBe(false)
      slow.resolve()
      await eventually(() => attachment.heard.find((message) => message.type === 'end' && message.id === 1))
      attachment.finish(order)
    }
    await watch(node, { blobs: bundle }).done
    expect(node.failures).toEqual([])
  })

  it.each<[string, BlobSource | undefined]>([
    ['a blob that the bundle lacks', new FakeBundle()],
    ['any blob where there is no bundle', undefined],
  ])('says of %s that it is missing', async (_what, blobs) => {
    const node = new FakeNode()
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      attachment.channel.send({ type: 'get', id: 4, digest: digestOf('else'), offset: 0 })
      const missing = await attachment.wait('missing')
      expect(missing).toMatchObject({ id: 4, message: expect.stringContaining(digestOf('else')) })
      attachment.finish(order)
    }
    await watch(node, { blobs }).done
    expect(node.failures).toEqual([])
  })

  it('says of a blob that a delta leaves out how to have it', async () => {
    const node = new FakeNode()
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      attachment.channel.send({ type: 'get', id: 4, digest: digestOf('else'), offset: 0 })
      expect(await attachment.wait('missing')).toMatchObject({ message: expect.stringContaining('--base FILE') })
      attachment.finish(order)
    }
    const leftOut = { base: digestOf('base'), blobs: [digestOf('else')] }
    await watch(node, { blobs: new FakeBundle(), order: orderOf({ leftOut }) }).done
    expect(node.failures).toEqual([])
  })

  it('tells the node when the bundle cannot be read any more, with why', async () => {
    const node = new FakeNode()
    const bundle = new FakeBundle()
    bundle.pieces = async function* () {
      yield CONTENT.subarray(0, 10)
      throw new Error('the stick was pulled out')
    }
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      attachment.channel.send({ type: 'get', id: 4, digest: DIGEST, offset: 0 })
      expect(await attachment.wait('missing')).toMatchObject({
        message: 'the stick was pulled out',
        unreadable: true,
      })
      attachment.finish(order)
    }
    await watch(node, { blobs: bundle }).done
    expect(node.failures).toEqual([])
  })

  it('stops sending, and closes what it read, when the node wants a blob no more', async () => {
    const node = new FakeNode()
    const bundle = new FakeBundle()
    let given = 0
    bundle.pieces = async function* () {
      for (; given < 10_000; given += 1) {
        await delay(1)
        yield Buffer.alloc(10)
      }
    }
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      attachment.channel.send({ type: 'get', id: 4, digest: DIGEST, offset: 0 })
      await eventually(() => attachment.received.get(4))
      attachment.channel.send({ type: 'cancel', id: 4 })
      await eventually(() => (bundle.open.size === 0 ? true : undefined))
      attachment.finish(order)
    }
    await watch(node, { blobs: bundle }).done
    expect(node.failures).toEqual([])
    expect(given).toBeLessThan(5_000)
    expect(node.attachments[0]?.heard.some(({ type }) => type === 'end')).toBe(false)
  })

  it('closes what it read when the link is lost', async () => {
    const node = new FakeNode()
    const bundle = new FakeBundle()
    bundle.pieces = async function* () {
      for (;;) {
        await delay(1)
        yield Buffer.alloc(100_000)
      }
    }
    node.play = async (attachment) => {
      await attachment.welcome()
      attachment.channel.send({ type: 'get', id: 4, digest: DIGEST, offset: 0 })
      await eventually(() => attachment.received.get(4))
      await attachment.cut()
    }
    const { done } = watch(node, { blobs: bundle })
    expect(await errorOf(done)).toMatchObject({ facts: { code: 'host-lost' } })
    await eventually(() => (bundle.open.size === 0 ? true : undefined))
  })

  it('says regularly that it is there', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const node = new FakeNode()
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      vi.advanceTimersByTime(6_000)
      await attachment.wait('ping')
      attachment.finish(order)
    }
    await watch(node).done
    expect(node.attachments[0]?.heard.filter(({ type }) => type === 'ping')).toHaveLength(3)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('watchRun, where hosts pass blobs on', () => {
  const get = { type: 'get', digest: DIGEST, offset: 0 } as const
  const seeding = () => new Seeding(['n1', 'n2'].map((name) => ({ name, address: name })))
  /** Another host that has the blob. */
  function holder(ledger: Seeding) {
    const other = ledger.of('n2')
    other?.begin()
    other?.hear({ type: 'seeding', port: 4000, fingerprint: 'print', secret: 'secret' })
    other?.hear({ type: 'wants', digests: [] })
    other?.hear({ type: 'has', digests: [DIGEST] })
    return other
  }

  it('names a host that has the blob, and sends it itself when the node cannot take it there', async () => {
    const node = new FakeNode()
    const ledger = seeding()
    holder(ledger)
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      attachment.channel.send({ ...get, id: 1, without: [] })
      expect(await attachment.wait('elsewhere')).toEqual({ type: 'elsewhere', id: 1, host: 'n2' })
      attachment.channel.send({ ...get, id: 2, without: ['n2'] })
      expect(await attachment.wait('end')).toMatchObject({ id: 2 })
      attachment.finish(order, { outcome: 'failed' })
    }
    await watch(node, { seeding: ledger.of('n1') }).done
    expect(node.failures).toEqual([])
  })

  it('sends itself what a node asks for that takes nothing from others', async () => {
    const node = new FakeNode()
    const ledger = seeding()
    holder(ledger)
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      attachment.channel.send({ ...get, id: 1 })
      expect(await attachment.wait('end')).toMatchObject({ id: 1 })
      attachment.finish(order)
    }
    await watch(node, { seeding: ledger.of('n1') }).done
    expect(node.failures).toEqual([])
  })

  it('tells the node its peers, and holds the link after a good end until no other host wants anything', async () => {
    const node = new FakeNode()
    const ledger = seeding()
    const other = holder(ledger)
    other?.hear({ type: 'wants', digests: [digestOf('more')] })
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      attachment.channel.send({ type: 'seeding', port: 1, fingerprint: 'own', secret: 's' })
      expect((await attachment.wait('peers')).peers).toMatchObject([{ host: 'n2', port: 4000 }])
      attachment.finish(order)
    }
    const part = ledger.of('n1')
    part?.begin()
    const { done, events } = watch(node, { seeding: part })
    let ended = false
    void done.then(() => (ended = true))
    await eventually(() => events.find(({ type }) => type === 'run-finished'))
    await delay(150)
    expect(ended).toBe(false)
    other?.hear({ type: 'has', digests: [digestOf('more')] })
    await done
    expect(node.failures).toEqual([])
  })

  it('dismisses the node and sees it close what it opened, after a failed run too', async () => {
    const node = new FakeNode()
    const dismissed = Promise.withResolvers<Attachment>()
    node.play = async (attachment) => {
      attachment.goes = false
      attachment.finish(await attachment.welcome(), { outcome: 'failed' })
      await attachment.wait('dismiss')
      dismissed.resolve(attachment)
    }
    const { done } = watch(node, { seeding: seeding().of('n1') })
    let ended = false
    void done.then(() => (ended = true))
    const attachment = await dismissed.promise
    await delay(150)
    expect(ended).toBe(false)
    attachment.channel.end()
    await done
  })
})

describe('watchRun, when it goes wrong', () => {
  it('says what is running already', async () => {
    const node = new FakeNode()
    node.play = async (attachment) => {
      await attachment.hello()
      attachment.channel.send({ type: 'refused', message: 'another install is running', found: 'x', next: 'wait' })
    }
    const error = await errorOf(watch(node).done)
    expect(error?.facts).toMatchObject({
      code: 'node-busy',
      kind: 'check',
      message: 'another install is running',
      next: 'wait',
    })
  })

  it('tells a lost link from an engine that was ended, and from a program that died', async () => {
    const lost = new FakeNode()
    lost.play = async (attachment) => {
      await attachment.welcome()
      await attachment.cut()
    }
    expect((await errorOf(watch(lost).done))?.facts).toMatchObject({ code: 'host-lost', kind: 'host' })

    const ended = new FakeNode()
    ended.play = async (attachment) => {
      await attachment.welcome()
      attachment.exit(0)
    }
    expect((await errorOf(watch(ended).done))?.facts).toMatchObject({ code: 'engine-gone', kind: 'host' })

    const died = new FakeNode()
    died.play = async (attachment) => {
      await attachment.welcome()
      attachment.exit(137, 'Killed\n')
    }
    const error = await errorOf(watch(died).done)
    expect(error?.facts).toMatchObject({ code: 'node-died', kind: 'host', found: 'exit code 137: Killed' })
  })

  it('says what the host said where mojabox cannot run', async () => {
    const node = new FakeNode()
    node.play = async (attachment) => attachment.exit(126, 'cannot execute binary file: Exec format error')
    const error = await errorOf(watch(node).done)
    expect(error?.facts.found).toContain('Exec format error')
  })

  it('waits for the last words of a run whose command has ended', async () => {
    const node = new FakeNode()
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      attachment.finish(order, { outcome: 'failed' })
      attachment.exit(0)
    }
    expect(await watch(node).done).toMatchObject({ outcome: 'failed' })
  })

  it('gives up on a node that never answers, saying what it printed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const node = new FakeNode()
    node.play = async (attachment) => {
      attachment.stderr = 'sudo: a password is required\n'
      await new Promise((resolve) => setImmediate(resolve))
      vi.advanceTimersByTime(46_000)
    }
    const done = errorOf(watch(node).done)
    let settled = false
    void done.then(() => (settled = true))
    await vi.waitFor(() => {
      vi.advanceTimersByTime(3_000)
      expect(settled).toBe(true)
    })
    expect((await done)?.facts).toMatchObject({ code: 'engine-silent', found: 'sudo: a password is required' })
  })
})

describe('watchRun, stopped by the operator', () => {
  const interrupted = new MojaboxError({ code: 'interrupted', kind: 'interrupted', message: 'interrupted' })

  it('asks the node to stop and waits for its last word', async () => {
    const node = new FakeNode()
    const stop = new AbortController()
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      stop.abort(interrupted)
      await attachment.wait('abort')
      attachment.finish(order, { outcome: 'failed', error: interrupted.facts })
    }
    expect(await watch(node, { signal: stop.signal }).done).toMatchObject({ outcome: 'failed' })
  })

  it('asks also when it was stopped before the node had said a word', async () => {
    const node = new FakeNode()
    const stop = new AbortController()
    stop.abort(interrupted)
    node.play = async (attachment) => {
      const order = await attachment.welcome()
      await attachment.wait('abort')
      attachment.finish(order, { outcome: 'failed', error: interrupted.facts })
    }
    await watch(node, { signal: stop.signal }).done
    expect(node.failures).toEqual([])
  })

  it('does not wait for ever for a node that does not stop', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const node = new FakeNode()
    const stop = new AbortController()
    node.play = async (attachment) => {
      await attachment.hello()
      attachment.channel.send({ type: 'welcome', protocol: PROTOCOL_VERSION, attached: false })
    }
    const done = errorOf(watch(node, { signal: stop.signal }).done)
    await new Promise((resolve) => setImmediate(resolve))
    stop.abort(interrupted)
    let settled = false
    void done.then(() => (settled = true))
    await vi.waitFor(() => {
      vi.advanceTimersByTime(10_000)
      expect(settled).toBe(true)
    })
    expect(await done).toBe(interrupted)
  })

  it('leaves no listener behind on the operator’s signal', async () => {
    const { EventEmitter } = await import('node:events')
    const stop = new AbortController()
    for (let round = 0; round < 3; round += 1) await watch(new FakeNode(), { signal: stop.signal }).done
    expect(EventEmitter.getEventListeners(stop.signal, 'abort')).toHaveLength(0)
  })
})

import { readdir, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { EventBody } from '../../../agent/contract/events.ts'
import { DeskLink } from '../../../agent/service/desk-link.ts'
import { Seeding } from '../../../agent/service/seeding.ts'
import { Arrivals } from '../../../agent/store/arrivals.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { Seeding as Ledger, type SeedingMessage } from '../../../installer/delivery/seeding.ts'
import { temporaryStore } from '../store/temporary-store.ts'
import { eventually, FakeDesk } from './fake-desk.ts'

const BLOBS = ['first', 'second', 'third'].map((name) => Buffer.alloc(400_000, `${name} layer `))
const needed = BLOBS.map((bytes) => ({ digest: digestOf(bytes), sizeBytes: bytes.length, what: 'an image' }))
const contents = new Map<Digest, Buffer>(BLOBS.map((bytes) => [digestOf(bytes), bytes]))
const [BLOB, SECOND] = needed as [(typeof needed)[0], (typeof needed)[0]]
const PIECE = 50_000

/** A run whose hosts are all on this machine, and a desk that sends a piece at a time. */
function siteOf(names: string[]) {
  const ledger = new Ledger(names.map((name) => ({ name, address: '127.0.0.1' })))
  /** Blobs that left the desk: for whom, and from which byte on. */
  const sent: { host: string; digest: Digest; offset: number }[] = []
  const site = { sent, beforePiece: async (_host: string, _at: number): Promise<void> => {} }

  async function host(name: string) {
    const store = await temporaryStore()
    const link = new DeskLink()
    const events: EventBody[] = []
    const stop = new AbortController()
    const seeding = new Seeding(link, store, '127.0.0.1', (event) => void events.push(event), stop.signal)
    const arrivals = new Arrivals(store, seeding.fetch, stop.signal, seeding)
    const part = ledger.of(name)
    if (!part) throw new Error(`no host ${name}`)
    part.begin()
    const connect = () => {
      const desk = new FakeDesk()
      desk.channel.onMessage = async (message) => {
        desk.heard.push(message)
        if (['seeding', 'wants', 'has', 'tried'].includes(message.type)) part.hear(message as SeedingMessage)
        if (message.type !== 'get') return
        const { id, digest, ...wish } = message
        const { offset } = wish
        const source = wish.without && part.sourceOf(digest, wish)
        if (source !== undefined) return desk.channel.send({ type: 'elsewhere', id, host: source })
        sent.push({ host: name, digest, offset })
        const bytes = contents.get(digest) ?? Buffer.alloc(0)
        for (let at = offset; at < bytes.length; at += PIECE) {
          await site.beforePiece(name, at)
          await desk.send({ id }, bytes.subarray(at, at + PIECE))
          part.sent(digest, at + PIECE)
        }
        desk.end({ id })
      }
      link.attach(desk.node, false, 2)
      part.linked((message) => desk.channel.send(message))
      return desk
    }
    const desk = connect()
    const hangUp = () => {
      part.lost()
      desk.channel.destroy()
    }
    onTestFinished(async () => {
      stop.abort()
      hangUp()
      await seeding.close(false)
    })
    return {
      ...{ name, part, store, link, events, seeding, arrivals, desk, connect, hangUp },
      dismiss: () => desk.channel.send({ type: 'dismiss' }),
      start: (blobs = needed) => seeding.start(arrivals, blobs),
      get: ({ digest, sizeBytes }: typeof BLOB) => arrivals.get(digest, sizeBytes).done,
      ingest: () => readdir(store.ingestFolder).catch(() => []),
      knows: (count: number) =>
        eventually(() => {
          const last = desk.heard.filter(({ type }) => type === 'seeding').length
          return last > 0 || undefined
        }).then(() => delay(count * 10)),
    }
  }
  return { ...site, site, open: () => Promise.all(names.map(host)), ledger }
}

type Hosts = Awaited<ReturnType<ReturnType<typeof siteOf>['open']>>

/** Three hosts that know each other. */
async function started(names = ['a', 'b', 'c'], blobs = needed) {
  const made = siteOf(names)
  const hosts = await made.open()
  await Promise.all(hosts.map((host) => host.start(blobs)))
  await Promise.all(hosts.map((host) => host.knows(hosts.length)))
  return { ...made, hosts: hosts as Hosts & [Hosts[0], Hosts[0], Hosts[0]] }
}

describe('hosts that pass blobs on', () => {
  it('get each of them with one copy leaving the desk, whoever asks first', async () => {
    const { hosts, sent } = await started()
    await Promise.all(hosts.flatMap((host) => needed.map((blob) => host.get(blob))))
    expect(sent.map(({ digest }) => digest).toSorted()).toEqual(needed.map(({ digest }) => digest).toSorted())
    const bytes = hosts.map(({ seeding }) => seeding.bytes)
    expect(bytes.reduce((sum, each) => sum + (each?.fromDeskBytes ?? 0), 0)).toBe(3 * 400_000)
    expect(bytes.reduce((sum, each) => sum + (each?.fromPeersBytes ?? 0), 0)).toBe(6 * 400_000)
  })

  it('follow a blob while it is still on its way from the desk', async () => {
    const { hosts, site } = await started()
    const [a, b] = hosts
    const held = Promise.withResolvers<void>()
    site.beforePiece = async (_host, at) => (at >= 200_000 ? held.promise : undefined)
    const first = a.get(BLOB)
    await eventually(() => (a.arrivals.underway(BLOB.digest)?.arrivedBytes === 200_000 ? true : undefined))
    const second = b.get(BLOB)
    await eventually(() => (b.arrivals.underway(BLOB.digest)?.arrivedBytes === 200_000 ? true : undefined))
    held.resolve()
    await Promise.all([first, second])
  })

  it('hand on what they have from before', async () => {
    const made = siteOf(['a', 'b'])
    const [a, b] = (await made.open()) as [Hosts[0], Hosts[0]]
    await writeFile(a.store.blobPath(BLOB.digest), BLOBS[0] ?? '')
    await Promise.all([a.start(), b.start()])
    await Promise.all([a.knows(2), b.knows(2)])
    await b.get(BLOB)
    expect(made.sent).toEqual([])
  })

  it('hand on nothing but the blobs of their run', async () => {
    const { hosts, sent } = await started(['a', 'b'], [BLOB])
    const [a, b] = hosts
    await a.get(SECOND)
    await b.get(SECOND)
    expect(sent.map(({ host }) => host)).toEqual(['a', 'b'])
  })
})

describe('a peer that fails', () => {
  it('is gone round from the byte at hand, and left alone for a while', async () => {
    const { hosts, site, sent } = await started(['a', 'b'])
    const [a, b] = hosts
    site.beforePiece = async (host, at) => (host === 'a' && at >= 200_000 ? new Promise(() => {}) : undefined)
    void a.get(BLOB).catch(() => {})
    await eventually(() => (a.arrivals.underway(BLOB.digest)?.arrivedBytes === 200_000 ? true : undefined))
    const second = b.get(BLOB)
    await eventually(() => (b.arrivals.underway(BLOB.digest)?.arrivedBytes === 200_000 ? true : undefined))
    await a.seeding.close(false)
    await second
    expect(sent.at(-1)).toEqual({ host: 'b', digest: BLOB.digest, offset: 200_000 })
    expect(b.desk.gets.at(-1)?.without).toEqual(['a'])
    await b.get(SECOND)
    expect(b.desk.gets.at(-1)?.without).toEqual(['a'])
  })

  it('is taken for another when it begins anew', async () => {
    const { hosts, sent } = await started(['a', 'b'])
    const [a, b] = hosts
    await a.get(BLOB)
    await a.seeding.close(false)
    await b.get(BLOB)
    await a.start()
    await delay(50)
    await a.get(SECOND)
    await b.get(SECOND)
    expect(sent.filter(({ digest }) => digest === SECOND.digest).map(({ host }) => host)).toEqual(['a'])
  })

  it('whose bytes are wrong is gone round: they come from elsewhere', async () => {
    const { hosts, sent } = await started(['a', 'b'])
    const [a, b] = hosts
    await a.get(BLOB)
    await writeFile(a.store.ingestPath(BLOB.digest), Buffer.alloc(BLOB.sizeBytes, 'damaged'))
    await b.get(BLOB)
    expect(b.desk.gets.map(({ without, offset }) => [without, offset])).toEqual([
      [[], 0],
      [['a'], 0],
    ])
    expect(sent.map(({ host }) => host)).toEqual(['a', 'b'])
  })

  it('and cannot be reached at all is told once, with what spares the try', async () => {
    const { hosts, sent, ledger } = await started(['a', 'b'])
    const [a, b] = hosts
    await a.get(BLOB)
    // As a host behind a firewall: nobody answers at the port that it named.
    ledger.of('a')?.hear({ type: 'seeding', port: 1, fingerprint: 'nobody', secret: 'nobody' })
    ledger.of('a')?.hear({ type: 'has', digests: needed.map(({ digest }) => digest) })
    await delay(50)
    for (const blob of needed) await b.get(blob)
    expect(sent.filter(({ host }) => host === 'b')).toHaveLength(3)
    const notes = b.events.filter((event) => event.type === 'note')
    expect(notes).toMatchObject([
      { level: 'warn', message: expect.stringMatching(/a cannot be reached.*--no-seeding/) },
    ])
  })
})

describe('what others want', () => {
  it('stays when the runtime has taken it, and goes when the desk says that nobody wants it', async () => {
    const { hosts } = await started(['a', 'b'], [BLOB])
    const [a, b] = hosts
    await a.get(BLOB)
    a.arrivals.drop(BLOB.digest)
    expect(await a.ingest()).toHaveLength(1)
    await b.get(BLOB)
    await eventually(() => (a.arrivals.underway(BLOB.digest) ? undefined : true))
    expect(await a.ingest()).toEqual([])
    b.arrivals.drop(BLOB.digest)
    await eventually(() => (b.arrivals.underway(BLOB.digest) ? undefined : true))
    expect(await b.ingest()).toEqual([])
  })

  it('stays for as long as the link is lost, and goes at the end of the run', async () => {
    const { hosts } = await started(['a', 'b'], [BLOB])
    const [a, b] = hosts
    await a.get(BLOB)
    a.arrivals.drop(BLOB.digest)
    a.hangUp()
    await b.get(BLOB)
    expect(await a.ingest()).toHaveLength(1)
    await a.seeding.close(true)
    expect(await a.ingest()).toEqual([])
  })

  it('goes at the end of a run that failed; what was half here stays for the next', async () => {
    const { hosts, site } = await started(['a', 'b'])
    const [a] = hosts
    await a.get(BLOB)
    a.arrivals.drop(BLOB.digest)
    site.beforePiece = async (_host, at) => (at >= 100_000 ? new Promise(() => {}) : undefined)
    void a.get(SECOND).catch(() => {})
    await eventually(() => (a.arrivals.underway(SECOND.digest)?.arrivedBytes === 100_000 ? true : undefined))
    await a.seeding.close(false)
    expect(await a.ingest()).toEqual([SECOND.digest.slice('sha256:'.length)])
  })
})

describe('the end', () => {
  it.each([
    ['dismisses it', (a: Hosts[0]) => a.dismiss()],
    ['hangs up', (a: Hosts[0]) => a.hangUp()],
  ])('waits until the desk %s: until then others are served', async (_how, leave) => {
    const { hosts, sent } = await started(['a', 'b'])
    const [a, b] = hosts
    await a.get(BLOB)
    const closing = a.seeding.close(true)
    await b.get(BLOB)
    expect(sent).toHaveLength(1)
    leave(a)
    await closing
    await b.get(SECOND)
  })
})

describe('the desk that comes back', () => {
  it('is told anew where this host hands on, what it wants and what it has', async () => {
    const { hosts } = await started(['a', 'b'])
    const [a] = hosts
    await a.get(BLOB)
    a.hangUp()
    const again = a.connect()
    const said = await eventually(() => (again.heard.length >= 4 ? again.heard : undefined))
    expect(said.map(({ type }) => type)).toEqual(['welcome', 'seeding', 'wants', 'has'])
    expect(said[3]).toMatchObject({ digests: [BLOB.digest] })
  })
})

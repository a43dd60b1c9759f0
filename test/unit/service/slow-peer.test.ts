import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { DeskLink } from '../../../agent/service/desk-link.ts'
import { Seeding } from '../../../agent/service/seeding.ts'
import { Arrivals } from '../../../agent/store/arrivals.ts'
import { PeerFailed } from '../../../agent/store/fetch-from-peer.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { temporaryStore } from '../store/temporary-store.ts'
import { eventually, FakeDesk } from './fake-desk.ts'

type FetchFromPeer = typeof import('../../../agent/store/fetch-from-peer.ts').fetchFromPeer

const peer = vi.hoisted(() => ({ fetch: (async () => {}) as FetchFromPeer }))
vi.mock('../../../agent/store/fetch-from-peer.ts', async (original) => ({
  ...(await original<object>()),
  fetchFromPeer: (...args: Parameters<FetchFromPeer>) => peer.fetch(...args),
}))

const BYTES = Buffer.alloc(500_000, 'layer ')
const blob = { digest: digestOf(BYTES), sizeBytes: BYTES.length, what: 'an image' }
const patience: number[] = []

/** The peer gives that much, then hardly anything. */
function slowAfter(bytes: number): FetchFromPeer {
  return async (_peer, _identity, { offset, patienceMs }, take) => {
    patience.push(patienceMs)
    await take(BYTES.subarray(offset, offset + bytes))
    throw new PeerFailed('a is slow', 'slow', undefined, 10)
  }
}

async function host() {
  const store = await temporaryStore()
  const link = new DeskLink()
  const stop = new AbortController()
  const seeding = new Seeding(link, store, '127.0.0.1', () => {}, stop.signal)
  const arrivals = new Arrivals(store, seeding.fetch, stop.signal, seeding)
  const desk = new FakeDesk()
  link.attach(desk.node, false, 2)
  await seeding.start(arrivals, [blob])
  desk.channel.send({
    type: 'peers',
    peers: [{ host: 'a', address: '127.0.0.1', port: 1, fingerprint: 'print', ticket: 'ticket' }],
  })
  onTestFinished(async () => {
    stop.abort()
    desk.channel.destroy()
    await seeding.close(false)
  })
  const elsewhere = async (at: number) => {
    const { id } = await desk.nextGet(at)
    desk.channel.send({ type: 'elsewhere', id, host: 'a' })
  }
  const tried = () => desk.heard.filter(({ type }) => type === 'tried')
  return { arrivals, desk, elsewhere, tried }
}

beforeEach(() => void patience.splice(0))

describe('a peer that is slow', () => {
  it('is told to the desk, which may send what follows, and hears that it was quicker', async () => {
    peer.fetch = slowAfter(100_000)
    const { arrivals, desk, elsewhere, tried } = await host()
    const { done } = arrivals.get(blob.digest, blob.sizeBytes)
    await elsewhere(0)
    const get = await desk.nextGet(1)
    expect(get).toMatchObject({ slow: 'a', offset: 100_000, without: [] })
    await desk.send(get, BYTES.subarray(100_000))
    desk.end(get)
    await done
    await eventually(() => tried()[0])
    expect(tried()).toEqual([{ type: 'tried', digest: blob.digest, quicker: true }])
  })

  it('is borne with for longer when the desk names it again, and nothing was tried', async () => {
    peer.fetch = slowAfter(100_000)
    const { arrivals, desk, elsewhere, tried } = await host()
    const { done } = arrivals.get(blob.digest, blob.sizeBytes)
    for (const at of [0, 1, 2]) await elsewhere(at)
    await eventually(() => (patience.length === 3 ? true : undefined))
    expect(patience).toEqual([patience[0], 2 * (patience[0] ?? 0), 4 * (patience[0] ?? 0)])
    peer.fetch = async (_peer, _identity, { offset }, take) => take(BYTES.subarray(offset))
    await elsewhere(3)
    await done
    expect(desk.gets.map(({ slow }) => slow)).toEqual([undefined, 'a', 'a', 'a'])
    expect(tried()).toEqual([])
  })
})

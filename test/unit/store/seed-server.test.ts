import { createServer as createHttpServer, request as plainRequest } from 'node:http'
import { request } from 'node:https'
import { type AddressInfo, createServer, connect as plainConnect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'node:tls'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Peer } from '../../../agent/contract/channel.ts'
import { seedingTicket } from '../../../agent/contract/seeding-ticket.ts'
import type { MirrorBlob } from '../../../agent/store/answer-blob.ts'
import { fetchFromPeer, type PeerFailed } from '../../../agent/store/fetch-from-peer.ts'
import { makeRunIdentity, type RunIdentity } from '../../../agent/store/run-identity.ts'
import { serveSeeds } from '../../../agent/store/seed-server.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { eventually } from '../service/fake-desk.ts'
import { gate } from './fake-desk.ts'

// Silence is noticed sooner; every other wait is what it is.
vi.mock('node:timers/promises', async (original) => {
  const real = await original<typeof import('node:timers/promises')>()
  const setTimeout: typeof real.setTimeout = (ms, value, options) =>
    real.setTimeout(ms === 4_000 ? 100 : ms, value, options)
  return { ...real, default: { ...real, setTimeout }, setTimeout }
})

const BLOB = Buffer.alloc(300_000, 'blob ')
const DIGEST = digestOf(BLOB)
const reader = makeRunIdentity()
const never = new AbortController().signal

/** A host that hands on one blob, and how the reader knows it. */
async function seeds({ blob }: { blob?: MirrorBlob } = {}) {
  const identity = makeRunIdentity()
  const whole: MirrorBlob = {
    sizeBytes: BLOB.length,
    async *read(offset) {
      for (let at = offset; at < BLOB.length; at += 65_536) yield BLOB.subarray(at, at + 65_536)
    },
  }
  const asked: Digest[] = []
  const server = await serveSeeds(identity, '127.0.0.1', async (digest) => {
    asked.push(digest)
    return digest === DIGEST ? (blob ?? whole) : undefined
  })
  onTestFinished(() => server.close())
  const peer = peerOf(identity, server.port)
  return { peer, asked, server }
}

/** The host of that identity, as the desk tells the reader of it. */
function peerOf({ fingerprint, secret }: RunIdentity, port: number): Peer {
  return { host: 'n2', address: '127.0.0.1', port, fingerprint, ticket: seedingTicket(secret, reader.fingerprint) }
}

interface Asked {
  offset?: number
  as?: RunIdentity
  digest?: Digest
  patienceMs?: number
}

/** What comes, and how it ended. */
async function fetched(peer: Peer, options: Asked = {}) {
  const { offset = 0, as = reader, digest = DIGEST, patienceMs = 60_000 } = options
  const pieces: Buffer[] = []
  const failure = await fetchFromPeer(
    peer,
    as,
    { digest, offset, patienceMs },
    async (piece) => void pieces.push(piece),
    never,
  ).then(
    () => undefined,
    (error) => error as PeerFailed,
  )
  return { bytes: Buffer.concat(pieces), failure }
}

/** What somebody gets who speaks HTTP over TLS without being asked who he is. */
function knock(port: number, path: string, options: Parameters<typeof request>[1] = {}): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path, rejectUnauthorized: false, agent: false, ...options })
    asked.on('response', (response) => {
      response.resume()
      resolve(String(response.statusCode))
    })
    asked.on('error', () => resolve('nothing'))
    asked.end()
  })
}
/** The reader, with what the desk gave it. */
const certified = ({ ticket }: Peer) => ({
  key: reader.key,
  cert: reader.certificate,
  headers: ticketed(ticket),
})
const ticketed = (ticket: string) => ({ Authorization: `Bearer ${ticket}` })

describe('makeRunIdentity', () => {
  it('makes another key and certificate each time', () => {
    expect(makeRunIdentity().fingerprint).not.toBe(makeRunIdentity().fingerprint)
    expect(reader.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  })
})

describe('serveSeeds', () => {
  it('hands a blob on to a host whose certificate is known, whole or from an offset', async () => {
    const { peer } = await seeds()
    expect((await fetched(peer)).bytes.equals(BLOB)).toBe(true)
    expect((await fetched(peer, { offset: 123_456 })).bytes.equals(BLOB.subarray(123_456))).toBe(true)
  })

  it('gives nothing without a certificate and the ticket that was made for it there', async () => {
    const stranger = makeRunIdentity()
    const { peer, asked } = await seeds()
    const other = await seeds()
    const path = `/blobs/${DIGEST}`
    const { key, cert, headers } = certified(peer)
    const strange = { key: stranger.key, cert: stranger.certificate }
    const attempts = {
      nothing: {},
      'a certificate': { key, cert },
      'a ticket': { headers },
      'a ticket of the reader’s under another certificate': { ...strange, headers },
      'a ticket made of another secret': {
        ...strange,
        headers: ticketed(seedingTicket('guess', stranger.fingerprint)),
      },
      'a ticket for another host': { key, cert, headers: ticketed(other.peer.ticket) },
    }
    for (const [what, options] of Object.entries(attempts))
      expect(await knock(peer.port, path, options), what).toBe('nothing')
    expect(await fetched(peer, { as: stranger })).toMatchObject({ bytes: Buffer.alloc(0), failure: { how: 'cut' } })
    expect(asked).toEqual([])
    expect(await knock(peer.port, path, certified(peer))).toBe('200')
  })

  it('speaks TLS 1.3 and nothing else', async () => {
    const { peer } = await seeds()
    const path = `/blobs/${DIGEST}`
    expect(await knock(peer.port, path, certified(peer))).toBe('200')
    expect(await knock(peer.port, path, { ...certified(peer), maxVersion: 'TLSv1.2' })).toBe('nothing')
    const plain = new Promise((resolve) => {
      plainRequest({ host: '127.0.0.1', port: peer.port, path }, () => resolve('answer'))
        .on('error', resolve)
        .end()
    })
    expect(await plain).toBeInstanceOf(Error)
  })

  it.each([
    ['/', '404'],
    ['/v2/', '404'],
    [`/blobs/${DIGEST}/../../../etc/passwd`, '404'],
    ['/blobs/..%2f..%2fetc%2fpasswd', '404'],
    [`/blobs/${digestOf('of another bundle')}`, '404'],
    [`/blobs/${DIGEST}`, '200'],
  ])('%s: %s', async (path, status) => {
    const { peer } = await seeds()
    expect(await knock(peer.port, path, certified(peer))).toBe(status)
  })

  it('changes nothing for anybody', async () => {
    const { peer } = await seeds()
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH'])
      expect(await knock(peer.port, `/blobs/${DIGEST}`, { ...certified(peer), method })).toBe('405')
  })

  it('holds so many connections and no more: a flood keeps nothing of the host', async () => {
    const { peer } = await seeds()
    const flood = Array.from({ length: 300 }, () => plainConnect(peer.port, '127.0.0.1').on('error', () => {}))
    onTestFinished(() => flood.forEach((socket) => void socket.destroy()))
    const turnedAway = () => flood.filter(({ destroyed }) => destroyed).length
    flood.forEach((socket) => void socket.resume())
    await eventually(() => turnedAway() === 300 - 256 || undefined)
    expect((await fetched(peer)).failure).toMatchObject({ name: 'PeerFailed' })
    flood.forEach((socket) => void socket.destroy())
    await vi.waitFor(async () => expect(await knock(peer.port, '/', certified(peer))).toBe('404'))
  })

  it('listens on the address that it was given, and on all where that is not its own', async () => {
    const { peer } = await seeds()
    const refused = connect({ host: '127.0.0.2', port: peer.port, rejectUnauthorized: false })
    expect(await new Promise((resolve) => refused.on('error', resolve).on('secureConnect', resolve))).toMatchObject({
      code: 'ECONNREFUSED',
    })
    const identity = makeRunIdentity()
    const elsewhere = await serveSeeds(identity, '198.51.100.7', async () => undefined)
    onTestFinished(() => elsewhere.close())
    expect(await knock(elsewhere.port, '/', certified(peerOf(identity, elsewhere.port)))).toBe('404')
  })
})

describe('fetchFromPeer', () => {
  it('follows a blob that is still arriving there', async () => {
    const rest = gate()
    const growing: MirrorBlob = {
      sizeBytes: BLOB.length,
      async *read(offset) {
        yield BLOB.subarray(offset, 100_000)
        await rest.passed
        yield BLOB.subarray(100_000)
      },
    }
    const { peer } = await seeds({ blob: growing })
    let bytes = 0
    const take = async (piece: Buffer) => {
      bytes += piece.length
    }
    const done = fetchFromPeer(peer, reader, { digest: DIGEST, offset: 0, patienceMs: 60_000 }, take, never)
    await eventually(() => bytes === 100_000 || undefined)
    rest.open()
    await done
    expect(bytes).toBe(BLOB.length)
  })

  it('fails when the peer does not have it, keeping what came when the peer dies', async () => {
    const { peer } = await seeds()
    expect((await fetched(peer, { digest: digestOf('else') })).failure).toMatchObject({ how: 'cut' })
    const dying = await seeds({
      blob: {
        sizeBytes: BLOB.length,
        async *read() {
          yield BLOB.subarray(0, 1000)
          await delay(20)
          throw new Error('killed')
        },
      },
    })
    expect(await fetched(dying.peer)).toMatchObject({ bytes: BLOB.subarray(0, 1000), failure: { how: 'cut' } })
  })

  it('fails when another than the peer answers', async () => {
    const { peer } = await seeds()
    const found = await fetched({ ...peer, fingerprint: reader.fingerprint })
    expect(found).toMatchObject({ bytes: Buffer.alloc(0), failure: { how: 'cut' } })
  })

  it('says whether a peer turned it away or cannot be reached', async () => {
    const { peer, server } = await seeds()
    await server.close()
    expect((await fetched(peer)).failure).toMatchObject({ how: 'refused' })
    // No route leads there.
    expect((await fetched({ ...peer, address: '255.255.255.255' })).failure).toMatchObject({ how: 'silent' })
  })

  it('does not wait for ever for something that takes a connection and says nothing', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const sockets: Socket[] = []
    const mute = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1')
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      mute.close()
    })
    await new Promise((resolve) => mute.once('listening', resolve))
    let failure: PeerFailed | undefined
    void fetched(peerOf(reader, (mute.address() as AddressInfo).port)).then((found) => (failure = found.failure))
    await vi.waitFor(() => expect(sockets).toHaveLength(1))
    await vi.waitFor(() => {
      vi.advanceTimersByTime(1_000)
      expect(failure).toMatchObject({ how: 'cut' })
    })
  })

  it('waits for a peer that waits itself, and leaves one that is gone', async () => {
    let isThere = true
    const rest = gate()
    const pausing: MirrorBlob = {
      sizeBytes: BLOB.length,
      async *read(offset) {
        yield BLOB.subarray(offset, 1000)
        await rest.passed
      },
    }
    const looks: number[] = []
    const identity = makeRunIdentity()
    const server = await serveSeeds(identity, '127.0.0.1', async () => {
      looks.push(looks.length)
      if (looks.length > 2) isThere = false
      return isThere ? pausing : undefined
    })
    onTestFinished(async () => {
      rest.open()
      await server.close()
    })
    const found = await fetched(peerOf(identity, server.port))
    expect(found).toMatchObject({ bytes: BLOB.subarray(0, 1000), failure: { how: 'cut' } })
    // Asked for, found to be there once, then gone.
    expect(looks).toHaveLength(3)
  })

  it('leaves a peer that gives hardly anything for longer than its patience, and says how little', async () => {
    const dripping: MirrorBlob = {
      sizeBytes: BLOB.length,
      async *read(offset) {
        for (let at = offset; at < BLOB.length; at += 1000) {
          yield BLOB.subarray(at, at + 1000)
          await delay(20)
        }
      },
    }
    const { peer } = await seeds({ blob: dripping })
    const { bytes, failure } = await fetched(peer, { patienceMs: 300 })
    expect(failure).toMatchObject({ how: 'slow' })
    expect(failure?.bytesPerMs).toBeLessThan(256)
    expect(BLOB.subarray(0, bytes.length).equals(bytes)).toBe(true)
  })

  it('takes its own slowness for nobody else’s', async () => {
    const { peer } = await seeds()
    let bytes = 0
    const take = async (piece: Buffer) => {
      await delay(100)
      bytes += piece.length
    }
    await fetchFromPeer(peer, reader, { digest: DIGEST, offset: 0, patienceMs: 150 }, take, never)
    expect(bytes).toBe(BLOB.length)
  })

  it('hands on what `take` throws, and stops when the run is stopped', async () => {
    const { peer } = await seeds()
    const full = new Error('disk full')
    const what = { digest: DIGEST, offset: 0, patienceMs: 60_000 }
    await expect(fetchFromPeer(peer, reader, what, () => Promise.reject(full), never)).rejects.toBe(full)
    const stop = new AbortController()
    const take = async () => stop.abort(new Error('stopped'))
    await expect(fetchFromPeer(peer, reader, what, take, stop.signal)).rejects.toThrow('stopped')
    await expect(fetchFromPeer(peer, reader, what, take, stop.signal)).rejects.toThrow('stopped')
  })

  it('does not take the word of something that is no such host', async () => {
    const plain = createHttpServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1')
    onTestFinished(() => void plain.close())
    await new Promise((resolve) => plain.once('listening', resolve))
    const { port } = plain.address() as AddressInfo
    expect(await fetched(peerOf(reader, port))).toMatchObject({
      bytes: Buffer.alloc(0),
      failure: { name: 'PeerFailed' },
    })
  })
})

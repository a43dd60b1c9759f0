import { type IncomingMessage, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import type { Digest } from '../../bundles/format/manifest.ts'
import type { Peer } from '../contract/channel.ts'
import type { RunIdentity } from './run-identity.ts'

/** A connection must come about within this, milliseconds: on a site's network it takes one or two. */
const CONNECT_LIMIT_MS = 2_000
/** A host that is busy unpacking images may take its time for a handshake, and for an answer. */
const ANSWER_LIMIT_MS = 8_000
/** After this long without a byte a peer is asked whether it is still there: what it has not got yet, it waits for too. */
const STALL_MS = 4_000
/** The network says what a time-out would say. */
const UNREACHABLE = ['EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']

/** Slower than this a peer, or what it follows itself, is not what a site's network gives. */
const SLOW_BYTES_PER_MS = 256

/**
 * How a peer failed: nothing came back to a connection (`silent`, as behind a firewall that drops), it was turned away
 * (`refused`), it did not give what it should (`cut`), or hardly (`slow`).
 */
export type PeerFailure = 'silent' | 'refused' | 'cut' | 'slow'

/** The peer could not be had, or did not give all; the bytes that came are good. */
export class PeerFailed extends Error {
  override readonly name = 'PeerFailed'
  readonly how: PeerFailure
  /** What came of late. */
  readonly bytesPerMs: number

  constructor(message: string, how: PeerFailure, cause?: unknown, bytesPerMs = 0) {
    super(message, { cause })
    this.how = how
    this.bytesPerMs = bytesPerMs
  }
}

/**
 * Brings the bytes of a blob from `offset` on from another host of the run, as they arrive there.
 * @param patienceMs for so long it may be slow; what `take` needs does not count
 * @throws PeerFailed; what `take` throws; the signal's reason
 */
export async function fetchFromPeer(
  peer: Peer,
  identity: RunIdentity,
  { digest, offset, patienceMs }: { digest: Digest; offset: number; patienceMs: number },
  take: (bytes: Buffer) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const response = await ask(peer, identity, 'GET', digest, offset, signal)
  try {
    const pieces = response[Symbol.asyncIterator]()
    const pace = { bytes: 0, waitedMs: 0 }
    for (;;) {
      const askedAt = performance.now()
      const next = await unlessSilent(
        pieces.next().catch((cause: unknown) => {
          throw signal.aborted ? signal.reason : new PeerFailed(`${peer.host} ended early`, 'cut', cause)
        }),
        async () => {
          if (!(await isThere(peer, identity, digest, signal))) throw new PeerFailed(`${peer.host} is gone`, 'cut')
          const sinceMs = performance.now() - askedAt
          if (pace.waitedMs + sinceMs > patienceMs) throw slow(peer, pace.bytes / (pace.waitedMs + sinceMs))
        },
      )
      if (next.done) return
      pace.waitedMs += performance.now() - askedAt
      pace.bytes += next.value.length
      await take(next.value)
      if (pace.waitedMs < patienceMs) continue
      const bytesPerMs = pace.bytes / pace.waitedMs
      if (bytesPerMs < SLOW_BYTES_PER_MS) throw slow(peer, bytesPerMs)
      Object.assign(pace, { bytes: 0, waitedMs: 0 })
    }
  } finally {
    response.destroy()
  }
}

function slow(peer: Peer, bytesPerMs: number): PeerFailed {
  return new PeerFailed(`${peer.host} is slow`, 'slow', undefined, bytesPerMs)
}

/** Looks now and then, while nothing comes, whether to wait on. @throws what `look` throws */
async function unlessSilent<T>(awaited: Promise<T>, look: () => Promise<void>): Promise<T> {
  awaited.catch(() => {})
  for (;;) {
    const silence = new AbortController()
    const pause = delay(STALL_MS, undefined, { signal: silence.signal, ref: false }).catch(() => undefined)
    const first = await Promise.race([awaited.then((value) => ({ value })), pause]).finally(() => silence.abort())
    if (first) return first.value
    await look()
  }
}

async function isThere(peer: Peer, identity: RunIdentity, digest: Digest, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await ask(peer, identity, 'HEAD', digest, 0, signal)
    response.destroy()
    return true
  } catch (error) {
    if (error instanceof PeerFailed) return false
    throw error
  }
}

/** The answer's head, when it is what was asked for. */
async function ask(
  peer: Peer,
  identity: RunIdentity,
  method: 'GET' | 'HEAD',
  digest: Digest,
  offset: number,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const socket = await greet(peer, identity, signal)
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)])
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const giveUp = () => {
      socket.destroy()
      reject(signal.aborted ? signal.reason : new PeerFailed(`${peer.host} does not answer`, 'cut'))
    }
    limit.addEventListener('abort', giveUp, { once: true })
    const headers = { Range: `bytes=${offset}-`, Authorization: `Bearer ${peer.ticket}` }
    const asked = request({ method, path: `/blobs/${digest}`, headers, createConnection: () => socket }, (answer) => {
      limit.removeEventListener('abort', giveUp)
      resolve(answer)
    })
    asked.on('error', (cause) => reject(new PeerFailed(`${peer.host} does not answer`, 'cut', cause)))
    asked.end()
  })
  const begins = response.headers['content-range']?.startsWith(`bytes ${offset}-`)
  if (response.statusCode === 206 && begins) {
    const cut = () => response.destroy()
    signal.addEventListener('abort', cut, { once: true })
    response.once('close', () => signal.removeEventListener('abort', cut))
    return response
  }
  response.destroy()
  throw new PeerFailed(`${peer.host} does not have ${digest}: ${response.statusCode}`, 'cut')
}

/** Connected, and the one that it should be. */
function greet(peer: Peer, identity: RunIdentity, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: peer.address,
      port: peer.port,
      key: identity.key,
      cert: identity.certificate,
      minVersion: 'TLSv1.3',
      rejectUnauthorized: false,
    })
    const settle = (failure?: unknown) => {
      clearTimeout(limit)
      signal.removeEventListener('abort', abort)
      if (failure === undefined) return resolve(socket)
      socket.destroy()
      reject(failure)
    }
    const abort = () => settle(signal.reason)
    const failed = (how: PeerFailure, cause?: unknown) => new PeerFailed(`${peer.host} cannot be reached`, how, cause)
    let limit = setTimeout(() => settle(failed('silent')), CONNECT_LIMIT_MS)
    socket.once('connect', () => {
      clearTimeout(limit)
      limit = setTimeout(() => settle(failed('cut')), ANSWER_LIMIT_MS)
    })
    signal.addEventListener('abort', abort, { once: true })
    socket.on('error', (cause: NodeJS.ErrnoException) =>
      settle(failed(UNREACHABLE.includes(cause.code ?? '') ? 'silent' : 'refused', cause)),
    )
    socket.once('secureConnect', () => {
      const shown = socket.getPeerX509Certificate()?.fingerprint256
      settle(shown === peer.fingerprint ? undefined : new PeerFailed(`${peer.host} is another than it was`, 'cut'))
    })
    if (signal.aborted) abort()
  })
}

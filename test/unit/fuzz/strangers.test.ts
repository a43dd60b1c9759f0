import { connect as connectPlain, type Socket } from 'node:net'
import { connect } from 'node:tls'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { seedingTicket } from '../../../agent/contract/seeding-ticket.ts'
import { fetchFromPeer } from '../../../agent/store/fetch-from-peer.ts'
import { makeRunIdentity } from '../../../agent/store/run-identity.ts'
import { serveSeeds } from '../../../agent/store/seed-server.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import type { Digest } from '../../../bundles/format/manifest.ts'
import { FUZZ_LIMIT_MS, holds } from './holds.ts'
import { spoiltBytes } from './made-up.ts'

const BLOB = Buffer.from('a blob that hosts hand on')
const DIGEST = digestOf(BLOB)
const host = makeRunIdentity()
const member = makeRunIdentity()
const stranger = makeRunIdentity()

/** Says this on a connection and gives all that comes back until it is closed. */
function answerOn(socket: Socket, words: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    socket.setEncoding('latin1').on('data', (piece) => (answer += piece))
    socket.on('error', () => {}).on('close', () => resolve(answer))
    socket.setTimeout(10_000, () => socket.destroy())
    socket.end(words)
  })
}

const ticket = seedingTicket(host.secret, member.fingerprint)
const GOOD = Buffer.from(
  `GET /blobs/${DIGEST} HTTP/1.1\r\nHost: n1\r\nConnection: close\r\nAuthorization: Bearer ${ticket}\r\n\r\n`,
)

describe('whoever comes to a host that hands blobs on', () => {
  it(
    'gets nothing without the ticket that was made for the certificate it shows, and does it no harm',
    async () => {
      const asked: Digest[] = []
      const server = await serveSeeds(host, '127.0.0.1', async (digest) => {
        asked.push(digest)
        return {
          sizeBytes: BLOB.length,
          async *read(offset) {
            yield BLOB.subarray(offset)
          },
        }
      })
      onTestFinished(() => server.close())
      const port = server.port
      const tls = { host: '127.0.0.1', port, rejectUnauthorized: false }
      const words = fc.oneof(
        spoiltBytes(GOOD),
        fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
      )
      const ways = fc.constantFrom<[string, () => Socket]>(
        ['plain', () => connectPlain(port, '127.0.0.1')],
        ['no certificate', () => connect(tls)],
        ['another certificate', () => connect({ ...tls, key: stranger.key, cert: stranger.certificate })],
      )
      await holds(fc.tuple(ways, fc.oneof(words, fc.constant(GOOD))), 120, async ([[, open], said]) => {
        const answer = await answerOn(open(), said)
        expect(answer).not.toContain(BLOB.toString())
        expect(asked).toEqual([])
      })
      const peer = { host: 'n1', address: '127.0.0.1', port, fingerprint: host.fingerprint, ticket }
      let got = ''
      const take = async (bytes: Buffer) => {
        got += bytes
      }
      await fetchFromPeer(
        peer,
        member,
        { digest: DIGEST, offset: 0, patienceMs: 60_000 },
        take,
        new AbortController().signal,
      )
      expect(got).toBe(BLOB.toString())
    },
    FUZZ_LIMIT_MS,
  )
})

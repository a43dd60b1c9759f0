import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Channel } from '../../../agent/contract/channel.ts'
import { DeskLink } from '../../../agent/service/desk-link.ts'
import { Arrivals } from '../../../agent/store/arrivals.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { factsOf } from '../../../bundles/format/error.ts'
import { temporaryStore } from '../store/temporary-store.ts'
import { FUZZ_LIMIT_MS, holds } from './holds.ts'

const CONTENT = Buffer.from('what was asked for '.repeat(40))
const DIGEST = digestOf(CONTENT)

/** What a desk may do with a transfer that the node asked for, of which `id` is the right one. */
type Deed =
  | { deed: 'send'; id: number; from: number; to: number; flip: boolean }
  | { deed: 'end'; id: number }
  | { deed: 'missing'; id: number }
  | { deed: 'blob'; id: number }
  | { deed: 'ping' }

const anyId = fc.oneof(
  { weight: 4, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: fc.constantFrom(0, 2, 4294967295) },
)
const place = fc.nat(CONTENT.length + 10)
const deeds: fc.Arbitrary<Deed[]> = fc.array(
  fc.oneof(
    fc.record({ deed: fc.constant('send' as const), id: anyId, from: place, to: place, flip: fc.boolean() }),
    fc.record({ deed: fc.constant('end' as const), id: anyId }),
    fc.record({ deed: fc.constant('missing' as const), id: anyId }),
    fc.record({ deed: fc.constant('blob' as const), id: anyId }),
    fc.constant({ deed: 'ping' as const }),
  ),
  { maxLength: 8 },
)

/** A desk that does these deeds once it is asked for the blob, and then sends it properly or hangs up. */
async function arrive(todo: Deed[], goodAtLast: boolean) {
  const store = await temporaryStore()
  const [near, far] = duplexPair()
  const link = new DeskLink()
  const desk = Channel.desk(far)
  link.attach(Channel.node(near), false, 1)
  const stop = new AbortController()
  const arrivals = new Arrivals(store, link.fetch, stop.signal)
  desk.onMessage = (message) => {
    if (message.type !== 'get') return
    for (const act of todo) {
      if (act.deed === 'ping') desk.send({ type: 'ping' })
      else if (act.deed === 'send') void desk.sendData(act.id, garbled(act)).catch(() => {})
      else if (act.deed === 'end') desk.send({ type: 'end', id: act.id })
      else if (act.deed === 'blob') desk.send({ type: 'blob', id: act.id, size: -1 })
      else desk.send({ type: 'missing', id: act.id, message: '../../..' })
    }
    if (goodAtLast) void desk.sendData(message.id, CONTENT.subarray(message.offset)).catch(() => {})
    desk.send({ type: 'end', id: message.id })
    todo = []
  }
  const outcome = await arrivals.keep(DIGEST, CONTENT.length).then(
    () => undefined,
    (error) => factsOf(error),
  )
  stop.abort()
  desk.destroy()
  return { outcome, store }
}

function garbled({ from, to, flip }: { from: number; to: number; flip: boolean }): Buffer {
  const piece = Buffer.from(CONTENT.subarray(Math.min(from, to), Math.max(from, to)))
  if (flip && piece.length > 0) piece[0] = (piece[0] ?? 0) ^ 1
  return piece
}

describe('whatever a desk sends in answer to a question', () => {
  it(
    'the store has the blob as it was named or not at all, and a fault is told as one of the bundle',
    async () => {
      await holds(fc.tuple(deeds, fc.boolean()), 150, async ([todo, goodAtLast]) => {
        const { outcome, store } = await arrive(todo, goodAtLast)
        const kept = await readdir(join(store.root, 'blobs', 'sha256'))
        if (outcome === undefined) {
          expect(kept).toEqual([DIGEST.slice('sha256:'.length)])
          expect((await readFile(store.blobPath(DIGEST))).equals(CONTENT)).toBe(true)
        } else {
          expect(outcome.kind).toBe('bundle')
        }
      })
    },
    FUZZ_LIMIT_MS,
  )

  it(
    'what is left of a transfer that was damaged does not stay in the way of a good one',
    async () => {
      const place = fc.nat(CONTENT.length - 1)
      await holds(fc.tuple(place, place), 60, async ([length, flipped]) => {
        const store = await temporaryStore()
        const left = Buffer.from(CONTENT.subarray(0, length + 1))
        if (flipped < left.length) left[flipped] = (left[flipped] ?? 0) ^ 1
        await writeFile(store.ingestPath(DIGEST), left)
        const fetch = async (_: unknown, offset: () => number, take: (bytes: Buffer) => Promise<void>) =>
          take(CONTENT.subarray(offset()))
        const arrivals = new Arrivals(store, fetch, new AbortController().signal)
        await arrivals.keep(DIGEST, CONTENT.length)
        expect((await readFile(store.blobPath(DIGEST))).equals(CONTENT)).toBe(true)
      })
    },
    FUZZ_LIMIT_MS,
  )
})

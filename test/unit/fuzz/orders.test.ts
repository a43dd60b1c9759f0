import { stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { Channel, type NodeMessage, PROTOCOL_VERSION } from '../../../agent/contract/channel.ts'
import { NODE_PATHS } from '../../../agent/contract/paths.ts'
import { WorkOrder } from '../../../agent/contract/work-order.ts'
import { carryOutHere } from '../../../agent/service/attach.ts'
import { serveEngine } from '../../../agent/service/engine-server.ts'
import type { Hello } from '../../../agent/service/greeting.ts'
import { orderOf } from '../service/orders.ts'
import { FUZZ_LIMIT_MS, holds } from './holds.ts'
import { anyJson, deepJson, spoilt } from './made-up.ts'

vi.mock('../../../agent/contract/paths.ts', async () => (await import('../engine/node-paths.ts')).pathsBelow())

/** An order with something in every place where one may be. */
const FULL = orderOf({
  leftOut: { base: `sha256:${'1'.repeat(64)}`, blobs: [`sha256:${'2'.repeat(64)}`] },
  signature: {
    envelope: { payloadType: 'x', payload: 'eA==', signatures: [{ keyid: 'k', sig: 'eA==' }] },
    keys: ['-----BEGIN PUBLIC KEY-----'],
  },
  composeOverrides: [{ file: 'own.yaml', content: { services: { 'central-ledger': { image: 'x' } } } }],
  settings: {
    ...orderOf().settings,
    ports: { kafka: 9092 },
    services: { kafka: { environment: { A: 'b' }, cpus: 1, memory: '1g', logLevel: 'info' } },
  },
  seeding: { address: '10.0.0.7' },
  skipChecks: ['memory'],
})

const hello = (order: unknown): Record<string, unknown> => ({
  type: 'hello',
  protocol: PROTOCOL_VERSION,
  order,
  deskTime: '2026-01-01T00:00:00.000Z',
})

/** First words of a desk that may mean no good. */
const anyHello: fc.Arbitrary<unknown> = fc.oneof(
  spoilt(FULL).map(hello),
  anyJson.map(hello),
  spoilt(hello(FULL)),
  anyJson.map((deskTime) => ({ ...hello(FULL), deskTime })),
  anyJson.map((run) => hello({ ...FULL, run })),
  anyJson,
)

/** What any node may carry out: an order by the book, from a desk of this protocol that knows the time. */
function mayBegin(words: unknown): boolean {
  const { type, protocol, order, deskTime } = Object(words)
  const { data } = WorkOrder.safeParse(order)
  if (data && join('reports', data.run) !== `reports/${data.run}`) return false
  const knowsTheTime = typeof deskTime === 'string' && !Number.isNaN(Date.parse(deskTime))
  return type === 'hello' && protocol === PROTOCOL_VERSION && data !== undefined && knowsTheTime
}

/** Says these words on a connection to the engine and gives its first answer; undefined when it hangs up. */
async function answerTo(words: string): Promise<NodeMessage | undefined> {
  const socket = connect(NODE_PATHS.engineSocket)
  socket.on('error', () => {})
  const channel = Channel.desk(socket)
  const answer = new Promise<NodeMessage>((resolve) => (channel.onMessage = resolve))
  const body = Buffer.from(words)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(body.length + 1)
  socket.write(Buffer.concat([head, body]))
  const first = await Promise.race([answer, channel.closed.then(() => undefined)])
  channel.destroy()
  return first
}

describe('whatever is ordered', () => {
  it(
    'an engine refuses or hangs up, does nothing, and carries out the good order that comes after',
    async () => {
      const begun: Hello[] = []
      const stop = new AbortController()
      const served = serveEngine(async (said, _link, signal) => {
        begun.push(said)
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      }, stop.signal)
      await vi.waitFor(() => stat(NODE_PATHS.engineSocket))
      const bad = anyHello.filter((words) => !mayBegin(words)).map((words) => JSON.stringify(words) ?? '')
      await holds(fc.oneof({ weight: 20, arbitrary: bad }, fc.constant(deepJson(100_000))), 250, async (words) => {
        expect([undefined, 'refused']).toContain((await answerTo(words))?.type)
        expect(begun).toEqual([])
      })
      expect(await answerTo(JSON.stringify(hello(FULL)))).toMatchObject({ type: 'welcome' })
      expect([undefined, 'refused']).toContain((await answerTo(deepOrder()))?.type)
      expect(begun).toHaveLength(1)
      stop.abort()
      await served
    },
    FUZZ_LIMIT_MS,
  )

  it(
    'so does a command that carries orders out itself',
    async () => {
      await holds(anyHello, 150, async (words) => {
        const begun: Hello[] = []
        const [stdin, stdout] = [new PassThrough(), new PassThrough()]
        const over = carryOutHere(
          async (said) => void begun.push(said),
          stdin as unknown as NodeJS.ReadStream,
          stdout as unknown as NodeJS.WriteStream,
        )
        stdout.resume()
        const desk = new PassThrough()
        desk.pipe(stdin)
        const body = Buffer.from(JSON.stringify(words) ?? '')
        const head = Buffer.alloc(5)
        head.writeUInt32BE(body.length + 1)
        desk.end(Buffer.concat([Buffer.from('\u0000mojabox\u0001'), head, body]))
        await over
        expect(begun.length > 0).toBe(mayBegin(words))
      })
    },
    FUZZ_LIMIT_MS,
  )
})

/** An order by the book whose own Compose file goes deeper than any program's stack. */
function deepOrder(): string {
  const order = JSON.stringify({ ...FULL, composeOverrides: [{ file: 'x', content: { services: 'HERE' } }] })
  return JSON.stringify(hello('ORDER')).replace('"ORDER"', order.replace('"HERE"', deepJson(100_000)))
}

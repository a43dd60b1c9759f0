import { describe, expect, it } from 'vitest'
import { linesOf } from '../../../agent/development/lines.ts'
import { mergeByTime } from '../../../agent/development/merge-by-time.ts'
import { logArguments } from '../../../installer/actions/show-logs.ts'
import { logLineRenderer } from '../../../installer/render/log-line.ts'
import { FakeIo } from '../render/fake-io.ts'

async function* pieces<T>(...all: T[]): AsyncGenerator<T> {
  yield* all
}

async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const each of stream) found.push(each)
  return found
}

describe('linesOf', () => {
  it('puts lines together that come in pieces, a letter of several bytes in two of them too', async () => {
    const euro = Buffer.from('€')
    const stream = pieces(
      Buffer.from('a'),
      Buffer.from('b\r\nc '),
      euro.subarray(0, 1),
      euro.subarray(1),
      Buffer.from('\nlast'),
    )
    expect(await collected(linesOf(stream))).toEqual(['ab', 'c €', 'last'])
  })

  it('cuts a line without an end instead of keeping all of it', async () => {
    const [first] = await collected(linesOf(pieces('x'.repeat(300_000), 'y')))
    expect(first).toHaveLength(300_000)
  })
})

describe('mergeByTime', () => {
  it('gives several streams as one, in order of time', async () => {
    const line = (at: string) => ({ at })
    const merged = mergeByTime([pieces(line('1'), line('4')), pieces(line('2'), line('3')), pieces<{ at: string }>()])
    expect((await collected(merged)).map(({ at }) => at)).toEqual(['1', '2', '3', '4'])
  })
})

describe('logs', () => {
  it('takes an age or a time, and a number of lines or all', () => {
    expect(logArguments(['kafka'], { tail: 'all', since: '1h30m' })).toEqual([
      'logs',
      '--tail',
      'all',
      '--since',
      '1h30m',
      '--service',
      'kafka',
    ])
    expect(logArguments([], { tail: '5', since: '2026-01-31T08:00:00Z', follow: true })).toEqual([
      'logs',
      '--tail',
      '5',
      '--since',
      '2026-01-31T08:00:00.000Z',
      '--follow',
    ])
    expect(() => logArguments([], { tail: 'few' })).toThrow(/--tail/)
    expect(() => logArguments([], { tail: '5', since: 'yesterday' })).toThrow(/--since/)
  })

  it('names the service, the host only where there are several; as JSON one object a line', () => {
    const line = { type: 'log' as const, at: '2026-01-31T08:00:00.1Z', service: 'kafka', text: 'ready' }
    const io = new FakeIo()
    expect(logLineRenderer(io, { hosts: false, json: false })('n1', line)).toBe('kafka | ready\n')
    expect(logLineRenderer(io, { hosts: true, json: false })('n1', line)).toBe('n1 kafka | ready\n')
    expect(JSON.parse(logLineRenderer(io, { hosts: false, json: true })('n1', line))).toEqual({
      host: 'n1',
      service: 'kafka',
      at: line.at,
      text: 'ready',
    })
  })
})

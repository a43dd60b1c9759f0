import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { quickerThan } from '../../../agent/service/compare-pace.ts'

const take = async () => {}

/** A fetch that gives that much each millisecond, for ever or for so long. */
function giving(bytesPerMs: number, forMs = Number.POSITIVE_INFINITY) {
  return async (give: (bytes: Buffer) => Promise<void>, signal: AbortSignal): Promise<string> => {
    for (let ms = 0; ms < forMs; ms += 100) {
      await give(Buffer.alloc(bytesPerMs * 100))
      await new Promise((resolve, reject) => {
        setTimeout(resolve, 100)
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
    }
    return 'done'
  }
}

function timed() {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
}

describe('quickerThan', () => {
  it.each([
    ['more than twice as quick', 100, 300, { quicker: true, value: 'done' }],
    ['quicker, but not twice', 100, 180, { quicker: false }],
    ['slow where nothing came before', 0, 10, { quicker: false }],
    ['something where nothing came before', 0, 50, { quicker: true, value: 'done' }],
  ])('%s', async (_what, before, now, outcome) => {
    timed()
    const done = quickerThan(before, take, new AbortController().signal, giving(now, 8_000))
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await done).toEqual(outcome)
  })

  it('lets end what ends before it is known; quicker it was only if it was', async () => {
    timed()
    const done = [1, 3_000].map((now) => quickerThan(1_000, take, new AbortController().signal, giving(now, 3_000)))
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await Promise.all(done)).toEqual([
      { quicker: undefined, value: 'done' },
      { quicker: true, value: 'done' },
    ])
  })

  it('knows nothing of what ends without a byte, as where another place is named', async () => {
    const named = await quickerThan(1_000, take, new AbortController().signal, async () => 'n3')
    expect(named).toEqual({ quicker: undefined, value: 'n3' })
  })

  it('compares nothing where there is nothing to compare with', async () => {
    timed()
    const done = quickerThan(undefined, take, new AbortController().signal, giving(0, 20_000))
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await done).toEqual({ quicker: undefined, value: 'done' })
  })

  it('stops when the run is stopped', async () => {
    const stop = new AbortController()
    const done = quickerThan(1, take, stop.signal, giving(1))
    await delay(10)
    stop.abort(new Error('stopped'))
    await expect(done).rejects.toThrow('stopped')
  })
})

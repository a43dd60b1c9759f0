import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { watchSilence } from '../../../installer/fleet/keep-alive.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('three whole intervals without a byte are silence, told once', async () => {
  const silent = vi.fn()
  watchSilence(new PassThrough(), 100, silent)
  await vi.advanceTimersByTimeAsync(399)
  expect(silent).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1000)
  expect(silent).toHaveBeenCalledOnce()
})

test('any byte is a sign of life', async () => {
  const silent = vi.fn()
  const socket = new PassThrough()
  const watch = watchSilence(socket, 100, silent)
  for (let index = 0; index < 10; index += 1) {
    await vi.advanceTimersByTimeAsync(300)
    socket.write('x')
  }
  expect(silent).not.toHaveBeenCalled()
  watch.stop()
  await vi.advanceTimersByTimeAsync(1000)
  expect(silent).not.toHaveBeenCalled()
})

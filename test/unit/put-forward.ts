import { onTestFinished, vi } from 'vitest'

/** For one test, lets the clock that waits are measured by be put forward; by milliseconds. */
export function clockToPutForward(): (byMs: number) => void {
  const now = performance.now.bind(performance)
  let aheadMs = 0
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs)
  onTestFinished(() => spy.mockRestore())
  return (byMs) => {
    aheadMs += byMs
  }
}

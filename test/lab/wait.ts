import { setTimeout as sleep } from 'node:timers/promises'

export interface WaitOptions {
  timeoutMs: number
  /** Pause between two probes. */
  intervalMs?: number
}

/**
 * Probes until the answer is neither `undefined` nor `false`, and returns it.
 * A probe that throws counts as "not yet"; its last error becomes the cause of the time-out.
 *
 * @throws Error naming `what` after `timeoutMs`.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  { timeoutMs, intervalMs = 100 }: WaitOptions,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  let cause: unknown
  for (;;) {
    try {
      const answer = await probe()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      cause = error
    }
    if (Date.now() > deadline) throw new Error(`waiting for ${what}: nothing after ${timeoutMs / 1000} s`, { cause })
    await sleep(intervalMs)
  }
}

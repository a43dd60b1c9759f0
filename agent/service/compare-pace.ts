/** What was tried was not quicker. */
export const NO_BETTER = Symbol('no better')

/** How long a comparison takes from the first byte on, milliseconds. */
const COMPARE_MS = 5_000
/** The least that counts as better than nothing at all, bytes per millisecond. */
const LEAST = 16

/**
 * Fetches, and stops when that proves not to be twice as quick as something else was.
 * @param otherBytesPerMs undefined when there is nothing to compare with
 * @returns what `fetch` gives, or NO_BETTER
 */
export async function quickerThan<T>(
  otherBytesPerMs: number | undefined,
  take: (bytes: Buffer) => Promise<void>,
  signal: AbortSignal,
  fetch: (take: (bytes: Buffer) => Promise<void>, signal: AbortSignal) => Promise<T>,
): Promise<T | typeof NO_BETTER> {
  if (otherBytesPerMs === undefined) return fetch(take, signal)
  const worse = new AbortController()
  let bytes = 0
  let timer: NodeJS.Timeout | undefined
  const compare = () => {
    if (bytes / COMPARE_MS < 2 * otherBytesPerMs + LEAST) worse.abort(NO_BETTER)
  }
  const counted = async (piece: Buffer) => {
    timer ??= setTimeout(compare, COMPARE_MS)
    bytes += piece.length
    await take(piece)
  }
  try {
    return await fetch(counted, AbortSignal.any([signal, worse.signal]))
  } catch (error) {
    if (error === NO_BETTER && !signal.aborted) return NO_BETTER
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** How a fetch did against something else. */
export type Compared<T> =
  | { quicker: true; value: T }
  /** It came to its end, or to what it names, before it was known. */
  | { quicker: undefined; value: T }
  /** It was stopped for that. */
  | { quicker: false }

/** How long a comparison takes from the first byte on, milliseconds. */
const COMPARE_MS = 5_000
/** The least that counts as better than nothing at all, bytes per millisecond. */
const LEAST = 16

/**
 * Fetches, and stops when that proves not to be twice as quick as something else was.
 * @param otherBytesPerMs undefined when there is nothing to compare with
 */
export async function quickerThan<T>(
  otherBytesPerMs: number | undefined,
  take: (bytes: Buffer) => Promise<void>,
  signal: AbortSignal,
  fetch: (take: (bytes: Buffer) => Promise<void>, signal: AbortSignal) => Promise<T>,
): Promise<Compared<T>> {
  if (otherBytesPerMs === undefined) return { quicker: undefined, value: await fetch(take, signal) }
  const worse = new AbortController()
  let bytes = 0
  let firstAt = 0
  let timer: NodeJS.Timeout | undefined
  const isQuicker = (ms: number) => bytes / ms >= 2 * otherBytesPerMs + LEAST
  const compare = () => isQuicker(COMPARE_MS) || worse.abort(NO_QUICKER)
  const counted = async (piece: Buffer) => {
    if (timer === undefined) {
      timer = setTimeout(compare, COMPARE_MS)
      firstAt = performance.now()
    }
    bytes += piece.length
    await take(piece)
  }
  try {
    const value = await fetch(counted, AbortSignal.any([signal, worse.signal]))
    const quicker = timer && isQuicker(Math.max(1, performance.now() - firstAt)) ? true : undefined
    return { quicker, value }
  } catch (error) {
    if (error === NO_QUICKER && !signal.aborted) return { quicker: false }
    throw error
  } finally {
    clearTimeout(timer)
  }
}

const NO_QUICKER = Symbol('no quicker')

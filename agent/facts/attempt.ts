/** Generous: on a busy machine a late answer is worth more than none. */
const LIMIT_MS = 3_000

/** The value of one source; `fallback` when it fails or has not answered in time. Never throws. */
export async function attempt<T>(read: () => Promise<T> | T, fallback: T, limitMs = LIMIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(fallback), limitMs)
  })
  try {
    return await Promise.race([Promise.resolve().then(read), late])
  } catch {
    return fallback
  } finally {
    clearTimeout(timer)
  }
}

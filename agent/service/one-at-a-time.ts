/**
 * Runs `task` once at a time. Who asks while it runs gets what the next run finds, which all who wait share: an answer
 * is never older than its question.
 */
export function oneAtATime<T>(task: () => Promise<T>): () => Promise<T> {
  let ended: Promise<unknown> = Promise.resolve()
  let waiting: Promise<T> | undefined
  return () => {
    if (waiting === undefined) {
      waiting = ended.then(() => {
        waiting = undefined
        return task()
      })
      ended = waiting.catch(() => {})
    }
    return waiting
  }
}

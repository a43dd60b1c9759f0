import type { StepContext } from '../contract/step.ts'
import type { SizedBlob } from '../store/store.ts'

/** A line of events for each piece of 32 KiB would be more than anybody reads. */
const TELL_EVERY_MS = 100

/**
 * Tells as progress what arrives of these blobs, which are asked for again each time: more may have to come than was
 * thought. What is here already is not among what is to come.
 *
 * @param afterwards what goes on once all have come
 * @returns the bytes that an earlier run has brought, and how to end it
 */
export async function followArrivals(
  { arrivals, store, progress }: StepContext,
  blobs: () => readonly SizedBlob[],
  afterwards?: string,
): Promise<{ earlierBytes: number; end: () => void }> {
  const here = await Promise.all(
    blobs().map(async (blob) => {
      const bytes = await store.hereBytes(blob)
      return { bytes, earlier: Math.max(0, bytes - arrivals.cameBytes(blob.digest)) }
    }),
  )
  const hereBytes = here.reduce((sum, { bytes }) => sum + bytes, 0)
  const earlierBytes = here.reduce((sum, { earlier }) => sum + earlier, 0)
  const startBytes = arrivals.fetchedBytes
  let toldMs = 0
  arrivals.onBytes = () => {
    const done = arrivals.fetchedBytes - startBytes
    // Never less than what came: a damaged one comes twice.
    const total = Math.max(
      done,
      blobs().reduce((sum, { sizeBytes }) => sum + sizeBytes, -hereBytes),
    )
    const nowMs = performance.now()
    if (done < total && nowMs - toldMs < TELL_EVERY_MS) return
    toldMs = nowMs
    progress(done, total, 'bytes', done === total ? afterwards : undefined)
  }
  return {
    earlierBytes,
    end: () => {
      arrivals.onBytes = () => {}
    },
  }
}

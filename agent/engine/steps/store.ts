import { rm } from 'node:fs/promises'
import pLimit from 'p-limit'
import type { StepContext, StepHandler } from '../../contract/step.ts'
import type { SizedBlob } from '../../store/store.ts'
import { followArrivals } from '../follow-arrivals.ts'

export interface StoreParams {
  title: string
  blobs: SizedBlob[]
}

const AT_ONCE = 4
/** What is no larger is read each time: manifests, configuration. */
const DOCUMENT_BYTES = 64 * 1024

/** Blobs that the node keeps: manifests, configuration, packages. */
export const store: StepHandler<StoreParams> = {
  describe: (params) => params.title,

  async isDone(context, params) {
    const kept = await Promise.all(params.blobs.map((blob) => isKept(context, blob)))
    return kept.every(Boolean)
  },

  async apply(context, params) {
    await context.store.prepare()
    const following = await followArrivals(context, () => params.blobs)
    const limit = pLimit(AT_ONCE)
    try {
      await Promise.all(params.blobs.map((blob) => limit(() => keep(context, blob))))
    } finally {
      following.end()
    }
  },

  async undo(context: StepContext) {
    await rm(context.store.root, { recursive: true, force: true })
  },
}

/** Whether it is there, and still is what it was: a disk may have lost some of it. A large one is read when it is used. */
async function isKept({ store }: StepContext, { digest, sizeBytes }: SizedBlob): Promise<boolean> {
  if (sizeBytes <= DOCUMENT_BYTES) return store.isWhole(digest)
  return (await store.sizeOf(digest)) === sizeBytes
}

async function keep(context: StepContext, blob: SizedBlob): Promise<void> {
  const { store, arrivals } = context
  if ((await store.sizeOf(blob.digest)) !== undefined && !(await isKept(context, blob))) await store.remove(blob.digest)
  await arrivals.keep(blob.digest, blob.sizeBytes)
}

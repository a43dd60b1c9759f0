import { rm } from 'node:fs/promises'
import pLimit from 'p-limit'
import type { Digest } from '../../../bundles/format/manifest.ts'
import type { StepContext, StepHandler } from '../../contract/step.ts'

export interface StoreParams {
  title: string
  blobs: { digest: Digest; sizeBytes: number }[]
}

const AT_ONCE = 4

/** Blobs that the node keeps: manifests, configuration, packages. */
export const store: StepHandler<StoreParams> = {
  describe: (params) => params.title,

  async isDone(context, params) {
    const sizes = await Promise.all(params.blobs.map((blob) => context.store.sizeOf(blob.digest)))
    return params.blobs.every((blob, index) => sizes[index] === blob.sizeBytes)
  },

  async apply(context, params) {
    await context.store.prepare()
    const totalBytes = params.blobs.reduce((sum, blob) => sum + blob.sizeBytes, 0)
    const startBytes = context.arrivals.fetchedBytes
    context.arrivals.onBytes = () => context.progress(context.arrivals.fetchedBytes - startBytes, totalBytes, 'bytes')
    const limit = pLimit(AT_ONCE)
    try {
      await Promise.all(params.blobs.map((blob) => limit(() => context.arrivals.keep(blob.digest, blob.sizeBytes))))
    } finally {
      context.arrivals.onBytes = () => {}
    }
  },

  async undo(context: StepContext) {
    await rm(context.store.root, { recursive: true, force: true })
  },
}

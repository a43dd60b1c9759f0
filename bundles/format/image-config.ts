import { z } from 'zod'
import { Digest } from './manifest.ts'

const ImageConfig = z.object({ rootfs: z.object({ diff_ids: z.array(Digest) }) })

/** The diff IDs of an image's layers, from the lowest on, by its configuration; none where that is another thing. */
export function diffIdsIn(config: unknown): Digest[] {
  return ImageConfig.safeParse(config).data?.rootfs.diff_ids ?? []
}

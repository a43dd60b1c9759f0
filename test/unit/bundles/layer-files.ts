import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { LayerFile } from '../../../bundles/build/patches/make-patch.ts'
import { tarEntries } from '../../../bundles/build/patches/tar-entries.ts'
import type { RangeSource } from '../../../bundles/format/apply-patch.ts'
import { digestOf } from '../../../bundles/format/digest.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** A layer's tar on disk, as a build has it. */
export async function layerFile(tar: Buffer): Promise<LayerFile> {
  const path = join(temporaryFolder(), 'layer.tar')
  writeFileSync(path, tar)
  return { path, diffId: digestOf(tar), sizeBytes: tar.length, entries: await tarEntries(Readable.from([tar])) }
}

/** A layer's tar as a node reads it. */
export function rangesOf(tar: Buffer): RangeSource {
  return {
    sizeBytes: tar.length,
    read: async (offset, target) => void tar.copy(target, 0, offset, offset + target.length),
  }
}

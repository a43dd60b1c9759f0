import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openCache } from '../../../bundles/build/cache.ts'
import { makePatch } from '../../../bundles/build/patches/make-patch.ts'
import { applyPatch } from '../../../bundles/format/apply-patch.ts'
import { factsOf } from '../../../bundles/format/error.ts'
import { encodePatchHead } from '../../../bundles/format/layer-patch.ts'
import { layerFile, rangesOf } from '../bundles/layer-files.ts'
import { layerTar } from '../bundles/layer-tar.ts'
import { temporaryFolder } from '../bundles/temporary-folder.ts'
import { FUZZ_LIMIT_MS, holds } from './holds.ts'
import { anyNumber, spoiltBytes } from './made-up.ts'

const files = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`app/file${at}`, `content ${at} `.repeat(60)]))
const OLDER = layerTar(files)
const NEWER = layerTar({ ...files, 'app/file3': 'other '.repeat(90), 'app/new': 'new '.repeat(90) })

describe('whatever a patch of a layer is', () => {
  it(
    'it gives the layer that was named, or is told as unusable, and never gives the last of another',
    async () => {
      const cache = await openCache(join(temporaryFolder(), 'cache'))
      const [from, to] = [await layerFile(OLDER), await layerFile(NEWER)]
      const { digest } = await makePatch(from, to, cache, new AbortController().signal)
      const good = await buffer(cache.read(digest))
      const anyPart = fc.record({
        targetBytes: anyNumber,
        packedBytes: anyNumber,
        ranges: fc.array(fc.tuple(anyNumber, anyNumber), { maxLength: 3 }),
      })
      const bytes = fc.oneof(
        spoiltBytes(good),
        fc
          .array(anyPart, { maxLength: 3 })
          .map((parts) => Buffer.concat([encodePatchHead(parts), good.subarray(good.length / 2)])),
      )
      await holds(bytes, 300, async (patch) => {
        const pieces: Buffer[] = []
        try {
          for await (const piece of applyPatch(Readable.from([patch]), { from, to }, rangesOf(OLDER)))
            pieces.push(piece)
          expect(Buffer.concat(pieces).equals(NEWER)).toBe(true)
        } catch (error) {
          if (!(error instanceof Error && 'facts' in error)) throw error
          expect(factsOf(error)).toMatchObject({ code: 'patch-unusable', kind: 'bundle' })
          expect(Buffer.concat(pieces).length).toBeLessThan(NEWER.length)
        }
      })
    },
    FUZZ_LIMIT_MS,
  )
})

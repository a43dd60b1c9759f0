import { MojaboxError } from '../format/error.ts'
import type { OpenBundle } from '../format/open.ts'
import type { Cache } from './cache.ts'

/**
 * A base is whole, as what a delta leaves out has to be in one place; and it is not what is written.
 * @throws MojaboxError `base-is-delta`, `base-is-output`
 */
export function refuseAsBase({ manifest, path, paths }: OpenBundle, outputPath: string): void {
  if (manifest.base !== undefined) {
    throw new MojaboxError({
      code: 'base-is-delta',
      kind: 'usage',
      message: `building over ${path}: it is a delta itself`,
      found: `a delta of ${manifest.base}`,
      needed: 'a whole bundle',
      next: 'build that one whole from its lock (bundle build SPEC --lock FILE -o WHOLE), then: --base WHOLE',
    })
  }
  if (!paths.includes(outputPath)) return
  throw new MojaboxError({
    code: 'base-is-output',
    kind: 'usage',
    message: `building over ${path}: it would be overwritten`,
    found: 'one file for --output and --base',
    needed: 'two',
    next: 'name another file: -o DELTA',
  })
}

/** Layers can be left out for their patches only where a base has their older versions. @throws MojaboxError `base-not-named` */
export function refusePatchesAlone(): never {
  throw new MojaboxError({
    code: 'base-not-named',
    kind: 'usage',
    message: 'building with patches in the stead of layers: there is nothing that they could be made over',
    found: '--patches instead without --base',
    needed: 'the bundle that the site has',
    next: 'name it: --base OLD, or leave --patches out',
  })
}

/** The cache of a build that has a base: what the base has is not fetched from elsewhere. */
export function cacheWithBase(cache: Cache, base: OpenBundle): Cache {
  return {
    ...cache,
    async ensure(digest, openOrigin, options) {
      if (!base.extents.has(digest)) return cache.ensure(digest, openOrigin, options)
      const openBase = async (startBytes: number) => ({ startBytes, stream: base.read(digest, startBytes) })
      try {
        await cache.ensure(digest, openBase, options)
      } catch (error) {
        // A damaged base only costs a download.
        if (!(error instanceof MojaboxError) || error.facts.code !== 'digest-mismatch') throw error
        await cache.ensure(digest, openOrigin, options)
      }
    },
  }
}

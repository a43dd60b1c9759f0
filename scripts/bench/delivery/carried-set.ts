import { basename, join } from 'node:path'
import type { SetVersion } from '../image-set/applications.ts'
import { type Compression, IMAGE_SET_PROFILE, imageSetBundle, imageSetDelta } from '../image-set/bundle.ts'
import { imageSet } from '../image-set/image-set.ts'
import type { Bench } from '../measure/bench.ts'
import { copySigned } from '../measure/copy-signed.ts'
import { bytesMissing, type CarriedImages, carriedImages } from '../measure/images.ts'

/** The eight images in two versions, in bundles of one kind. */
export interface CarriedSet {
  /** With the bundle of a version. */
  bench: Record<SetVersion, Bench>
  /** With the delta of version 2 over version 1. */
  delta: Bench
  images: Record<SetVersion, CarriedImages>
  /** Bytes that a node without images lacks of version 1, and one with version 1 lacks of version 2. */
  missingBytes: { cold: number; upgrade: number }
}

/** Copies the bundles of the image set, so that a build meanwhile does not change what is measured. */
export async function carriedSet(bench: Bench, compression: Compression): Promise<CarriedSet> {
  const benchWith = async (built: string): Promise<Bench> => {
    const bundle = join(bench.folder, basename(built))
    await copySigned(built, bundle)
    return { ...bench, bundle, profile: IMAGE_SET_PROFILE }
  }
  const of = async (version: SetVersion) => {
    const withBundle = await benchWith(imageSetBundle(version, compression))
    return { bench: withBundle, images: await carriedImages(withBundle.bundle, imageSet(version)) }
  }
  const [first, second] = [await of(1), await of(2)]
  return {
    bench: { 1: first.bench, 2: second.bench },
    delta: await benchWith(imageSetDelta(compression)),
    images: { 1: first.images, 2: second.images },
    missingBytes: {
      cold: bytesMissing(first.images.blobs),
      upgrade: bytesMissing(second.images.blobs, first.images.blobs),
    },
  }
}

import { join } from 'node:path'
import type { SetVersion } from '../image-set/applications.ts'
import { type Compression, IMAGE_SET_PROFILE, imageSetBundle } from '../image-set/bundle.ts'
import { imageSet } from '../image-set/image-set.ts'
import type { Bench } from '../measure/bench.ts'
import { copySigned } from '../measure/copy-signed.ts'
import { bytesMissing, type CarriedImages, carriedImages } from '../measure/images.ts'

/** The eight images in two versions, in bundles of one kind. */
export interface CarriedSet {
  /** With the bundle of a version. */
  bench: Record<SetVersion, Bench>
  images: Record<SetVersion, CarriedImages>
  /** Bytes that a node without images lacks of version 1, and one with version 1 lacks of version 2. */
  missingBytes: { cold: number; upgrade: number }
}

/** Copies the bundles of the image set, so that a build meanwhile does not change what is measured. */
export async function carriedSet(bench: Bench, compression: Compression): Promise<CarriedSet> {
  const of = async (version: SetVersion) => {
    const bundle = join(bench.folder, `image-set-${version}-${compression}.tar`)
    await copySigned(imageSetBundle(version, compression), bundle)
    const images = await carriedImages(bundle, imageSet(version))
    return { bench: { ...bench, bundle, profile: IMAGE_SET_PROFILE }, images }
  }
  const [first, second] = [await of(1), await of(2)]
  return {
    bench: { 1: first.bench, 2: second.bench },
    images: { 1: first.images, 2: second.images },
    missingBytes: {
      cold: bytesMissing(first.images.blobs),
      upgrade: bytesMissing(second.images.blobs, first.images.blobs),
    },
  }
}

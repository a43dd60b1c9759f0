import type { Descriptor } from '../../format/manifest.ts'
import type { OpenOrigin } from '../cache.ts'

/** A manifest or index with its bytes. */
export interface RawManifest {
  descriptor: Descriptor
  bytes: Buffer
}

/** Where one image comes from: a registry, an OCI layout, or what `docker save` wrote. */
export interface ImageOrigin {
  /** What the image's name stands for there: a manifest, or an index of several platforms. */
  top(): Promise<RawManifest>
  /** A manifest by digest. */
  manifest(descriptor: Descriptor): Promise<RawManifest>
  /** A configuration's or layer's content. */
  blob(descriptor: Descriptor): OpenOrigin
}

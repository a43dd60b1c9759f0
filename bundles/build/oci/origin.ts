import { MojaboxError } from '../../format/error.ts'
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

/** What a name stands for is nothing that can be carried. */
export function unsupported(name: string, found: string): MojaboxError {
  return new MojaboxError({
    code: 'image-unsupported',
    kind: 'usage',
    message: `getting ${name}: not an image that mojabox can carry`,
    found,
    needed: 'an OCI image or Docker image manifest of schema version 2',
    next: 'have the image pushed again by a current tool',
  })
}

import { blobPath } from '../../bundles/format/digest.ts'
import { OCI_LAYOUT } from '../../bundles/format/index-json.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import { END_BYTES, encodeHeader, paddingBytes } from '../../bundles/format/tar-header.ts'
import type { CarriedImage } from './image-content.ts'
import type { MirrorContent } from './mirror.ts'

/** The annotation by which `docker load` names what an OCI archive brings. */
const NAME = 'io.containerd.image.name'

/**
 * An image as an OCI archive (image specification 1.1, image layout in a tar), under a full name. It has only those of
 * the image's layers that are not held: containerd's store reads the rest from its own content.
 * @throws what a layer's arrival throws
 */
export async function* imageArchive(
  image: CarriedImage,
  name: string,
  content: MirrorContent,
  isHeld: (digest: Digest) => boolean,
): AsyncGenerator<Buffer> {
  const [top] = image.manifests
  const index = { schemaVersion: 2, manifests: [{ ...top, annotations: { [NAME]: name } }] }
  yield* entry('oci-layout', OCI_LAYOUT)
  yield* entry('index.json', Buffer.from(JSON.stringify(index)))
  for (const digest of new Set(image.blobs.map((blob) => blob.digest))) {
    const blob = isHeld(digest) ? undefined : await content.blob(digest)
    if (blob === undefined) continue
    let whole = false
    try {
      yield encodeHeader(blobPath(digest), blob.sizeBytes)
      yield* blob.read(0)
      whole = true
    } finally {
      blob.done?.(whole)
    }
    yield Buffer.alloc(paddingBytes(blob.sizeBytes))
  }
  yield Buffer.alloc(END_BYTES)
}

function* entry(path: string, bytes: Buffer): Generator<Buffer> {
  yield encodeHeader(path, bytes.length)
  yield bytes
  yield Buffer.alloc(paddingBytes(bytes.length))
}

import type { Descriptor, Digest } from '../../bundles/format/manifest.ts'
import { jsonReader, parseBundleManifest, readSmallBlob } from '../../bundles/format/read-artifact.ts'
import type { MirrorContent } from './mirror.ts'
import type { Store } from './store.ts'

/** What the store can give out of a bundle by itself: the images whose manifests (and blobs) it kept. */
export function storeContent(store: Store, bundle: Digest): MirrorContent {
  const read = jsonReader(store)
  const manifests = async (): Promise<Descriptor[]> => {
    const { artifacts } = parseBundleManifest(await readSmallBlob(store, bundle), bundle)
    return artifacts
      .filter(({ kind }) => kind === 'image')
      .map(({ name, descriptor }) => ({ ...descriptor, annotations: { name } }))
  }
  return {
    async manifest(reference) {
      const top = (await manifests()).find(
        (entry) => entry.annotations?.name === reference || entry.digest === reference,
      )
      const descriptor = top ?? (await nested(await manifests(), reference, read))
      if (!descriptor || (await store.sizeOf(descriptor.digest)) === undefined) return undefined
      return { descriptor, bytes: await readSmallBlob(store, descriptor.digest) }
    },
    async blob(digest) {
      const sizeBytes = await store.sizeOf(digest)
      return sizeBytes === undefined ? undefined : { sizeBytes, read: (offset) => store.read(digest, offset) }
    },
  }
}

/** A platform's manifest inside one of the indexes. */
async function nested(
  tops: Descriptor[],
  digest: string,
  read: (descriptor: Descriptor) => Promise<unknown>,
): Promise<Descriptor | undefined> {
  for (const top of tops) {
    const { manifests = [] } = (await read(top).catch(() => ({}))) as { manifests?: Descriptor[] }
    const found = manifests.find((entry) => entry.digest === digest)
    if (found) return found
  }
  return undefined
}

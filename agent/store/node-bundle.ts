import { digestOf } from '../../bundles/format/digest.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import { parseBundleManifest } from '../../bundles/format/read-artifact.ts'
import { manifestFrom } from '../../bundles/format/read-document.ts'
import type { NodeBundle } from '../contract/step.ts'
import type { Fetch } from './arrivals.ts'
import type { Store } from './store.ts'

/** Largest blob that is read whole into memory: manifests, configuration files. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * The bundle with that manifest digest as this node can read it: from the store, else over the link. Nothing is written
 * but what was damaged in the store, in its place.
 * @throws MojaboxError kind `bundle` when a blob is missing or does not match its digest
 */
export async function openNodeBundle(
  store: Store,
  fetch: Fetch,
  digest: Digest,
  signal: AbortSignal,
): Promise<NodeBundle> {
  const cache = new Map<Digest, Promise<Buffer>>()
  const readBlob = (wanted: Digest) => {
    let known = cache.get(wanted)
    if (!known) {
      known = readWhole(store, fetch, wanted, signal)
      cache.set(wanted, known)
      known.catch(() => cache.delete(wanted))
    }
    return known
  }
  const manifest = parseBundleManifest(await readBlob(digest), digest)
  return {
    manifest,
    blobs: store,
    readBlob,
    async readFile(artifact, path) {
      const found = manifest.artifacts.find((candidate) => candidate.kind === 'files' && candidate.name === artifact)
      const files = found && (await manifestFrom(readBlob, found.descriptor.digest))
      const layer = files?.layers.find((file) => file.annotations?.['org.opencontainers.image.title'] === path)
      if (!layer) {
        throw new MojaboxError({
          code: 'file-not-in-bundle',
          kind: 'bundle',
          message: `the bundle lacks ${artifact}/${path}`,
          next: 'build the bundle again with this version of mojabox',
        })
      }
      return readBlob(layer.digest)
    },
  }
}

async function readWhole(store: Store, fetch: Fetch, digest: Digest, signal: AbortSignal): Promise<Buffer> {
  const isKept = (await store.sizeOf(digest)) !== undefined
  if (isKept) {
    const kept = await collect(digest, async (take) => {
      for await (const piece of store.read(digest)) await take(piece)
    })
    if (digestOf(kept) === digest) return kept
  }
  const fetched = await collect(digest, (take, bytes) => fetch(digest, bytes, take, signal))
  const found = digestOf(fetched)
  if (found === digest) {
    if (isKept) await store.put(digest, fetched)
    return fetched
  }
  throw new MojaboxError({
    code: 'blob-corrupt',
    kind: 'bundle',
    message: 'a blob does not match its digest',
    found,
    needed: digest,
    next: 'run `mojabox bundle verify` on the bundle',
  })
}

type Take = (piece: Buffer) => Promise<void>

/** @throws MojaboxError `blob-too-large` */
async function collect(digest: Digest, read: (take: Take, bytes: () => number) => Promise<void>): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytes = 0
  await read(
    async (piece) => {
      bytes += piece.length
      if (bytes > MAX_BYTES) throw tooLarge(digest)
      pieces.push(Buffer.from(piece))
    },
    () => bytes,
  )
  return Buffer.concat(pieces)
}

function tooLarge(digest: Digest): MojaboxError {
  return new MojaboxError({
    code: 'blob-too-large',
    kind: 'bundle',
    message: `${digest} is too large to be read whole`,
    needed: `at most ${MAX_BYTES} bytes`,
  })
}

import pLimit from 'p-limit'
import { amountOf, leftOutOf, patchedOf } from './delta.ts'
import { MojaboxError } from './error.ts'
import type { Artifact, Digest } from './manifest.ts'
import type { OpenBundle } from './open.ts'
import { corruptBlob, jsonReader, platformText, type ReachableBlob, reachableBlobs } from './read-artifact.ts'
import { paddingBytes } from './tar-header.ts'
import { corruptAt } from './tar-index.ts'

export interface VerifyOptions {
  signal?: AbortSignal | undefined
  onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined
  /** Blobs read at a time; default 4. */
  parallel?: number | undefined
}

export interface VerifyResult {
  blobs: number
  bytes: number
  /** What a delta leaves out; it was not looked at. */
  leftOut: { blobs: number; bytes: number }
  /** Of these, layers in whose stead it has a patch. */
  patched: { blobs: number; bytes: number }
}

/**
 * Reads every byte of a bundle: each blob against its digest, nothing in it that the manifest does not reach,
 * nothing missing but what a delta leaves out. Stops at the first fault.
 * @throws MojaboxError `blob-corrupt`, `blob-missing`, `blob-unreachable`, `bundle-corrupt`
 */
export async function verifyBundle(bundle: OpenBundle, options: VerifyOptions = {}): Promise<VerifyResult> {
  const reachable = await reachableBlobs(bundle.manifest, namingArtifacts(bundle))
  const leftOut = leftOutOf(bundle, reachable)
  checkReach(bundle, reachable, new Set(leftOut))
  const owners = new Map(reachable.map((blob) => [blob.digest, blob.artifacts]))
  const failure = new AbortController()
  const signal = options.signal === undefined ? failure.signal : AbortSignal.any([failure.signal, options.signal])
  const limit = pLimit(options.parallel ?? 4)
  let doneBytes = 0
  const advance = (bytes: number): void => {
    doneBytes += bytes
    options.onProgress?.(doneBytes, bundle.sizeBytes)
  }
  for (const head of bundle.heads) await checkPadding(bundle, head.offsetBytes + head.sizeBytes, head.sizeBytes)
  const checks = [...bundle.extents].map(([digest, extent]) =>
    limit(async () => {
      signal.throwIfAborted()
      const { offsetBytes, sizeBytes } = extent
      const found = await bundle.digestOfRange(offsetBytes, offsetBytes + sizeBytes, signal, advance)
      if (found !== digest) throw corruptBlob(digest, found, ownerText(owners.get(digest)))
      await checkPadding(bundle, offsetBytes + sizeBytes, sizeBytes)
    }).catch((error: unknown) => {
      // The first fault ends the others; what they throw then is only the abort.
      failure.abort(error)
      throw error
    }),
  )
  await Promise.all(checks).catch(() => undefined)
  await Promise.allSettled(checks)
  if (failure.signal.aborted) throw failure.signal.reason
  options.signal?.throwIfAborted()
  return {
    blobs: bundle.extents.size,
    bytes: bundle.sizeBytes,
    leftOut: amountOf(leftOut),
    patched: amountOf(await patchedOf(bundle, leftOut)),
  }
}

/** Manifests are read before the rest; a damaged one is told with the artifact that it belongs to. */
function namingArtifacts(bundle: OpenBundle): ReturnType<typeof jsonReader> {
  const read = jsonReader(bundle)
  return async (descriptor) => {
    try {
      return await read(descriptor)
    } catch (error) {
      if (!(error instanceof MojaboxError) || error.facts.code !== 'blob-corrupt') throw error
      const artifact = bundle.manifest.artifacts.find((entry) => entry.descriptor.digest === descriptor.digest)
      const { message } = corruptBlob(descriptor.digest, '', ownerText(artifact ? [artifact] : undefined))
      throw new MojaboxError({ ...error.facts, message }, { cause: error })
    }
  }
}

function checkReach(bundle: OpenBundle, reachable: ReachableBlob[], leftOut: ReadonlySet<ReachableBlob>): void {
  const known = new Set<Digest>([bundle.manifest.digest])
  for (const blob of reachable) {
    const { digest, sizeBytes, artifacts } = blob
    known.add(digest)
    if (leftOut.has(blob)) continue
    const found = bundle.extents.get(digest)?.sizeBytes
    if (found === sizeBytes) continue
    throw new MojaboxError({
      code: 'blob-missing',
      kind: 'bundle',
      message: `checking ${ownerText(artifacts)}: a blob is missing`,
      found: found === undefined ? `no ${digest}` : `${digest} of ${found} bytes`,
      needed: `${digest} of ${sizeBytes} bytes`,
      next: 'build the bundle again',
    })
  }
  for (const digest of bundle.extents.keys()) {
    if (known.has(digest)) continue
    throw new MojaboxError({
      code: 'blob-unreachable',
      kind: 'bundle',
      message: `checking ${bundle.path}: it carries something that its manifest does not list`,
      found: digest,
      needed: 'only blobs that the manifest reaches',
      next: 'use the bundle as it was built, or build it again',
    })
  }
}

async function checkPadding(bundle: OpenBundle, startBytes: number, sizeBytes: number): Promise<void> {
  for await (const chunk of bundle.readRange(startBytes, startBytes + paddingBytes(sizeBytes))) {
    if ((chunk as Buffer).some((byte) => byte !== 0))
      throw corruptAt(bundle.path, startBytes, 'bytes between two entries', 'zeros')
  }
}

function ownerText(artifacts: Artifact[] | undefined): string {
  if (artifacts === undefined || artifacts.length === 0) return 'the bundle manifest'
  return artifacts.map(artifactText).join(', ')
}

/** An artifact for a person: `image docker.io/library/redis:8.0 (linux/amd64)`. */
export function artifactText({ kind, name, platform }: Artifact): string {
  return platform === undefined ? `${kind} ${name}` : `${kind} ${name} (${platformText(platform)})`
}

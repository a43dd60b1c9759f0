import { applyPatch, checkedTar, type RangeSource } from '../../bundles/format/apply-patch.ts'
import type { Digest } from '../../bundles/format/manifest.ts'
import { openDockerLayer } from '../runtimes/docker-layer.ts'
import type { LayerForm, LayerOrigin } from './layer-forms.ts'

/** Read at a time of a layer that Docker has. */
const PIECE_BYTES = 1024 * 1024

/**
 * A layer's tar, made of what Docker has; `patch` are the patch's bytes where there is one. The last piece comes once
 * the digest of all is right.
 * @throws MojaboxError `patch-unusable`; what reading Docker's layer, or `patch`, throws
 */
export async function* madeLayer(
  { handedOut }: LayerForm,
  { held, patch: about }: LayerOrigin,
  patch: AsyncIterable<Buffer> | undefined,
): AsyncGenerator<Buffer> {
  const older = await openDockerLayer(held)
  if (about && patch) yield* applyPatch(patch, about, older)
  else yield* checkedTar(piecesOf(older), { diffId: handedOut.digest, sizeBytes: handedOut.size })
}

/** Whether Docker's layer still is what it was unpacked from: then what is made of it will be right. */
export async function isIntact({ held, heldDiffId }: LayerOrigin): Promise<boolean> {
  try {
    const older = await openDockerLayer(held)
    const about = { diffId: heldDiffId satisfies Digest, sizeBytes: older.sizeBytes }
    for await (const _ of checkedTar(piecesOf(older), about));
    return true
  } catch {
    return false
  }
}

async function* piecesOf(source: RangeSource): AsyncGenerator<Buffer> {
  for (let at = 0; at < source.sizeBytes; at += PIECE_BYTES) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, source.sizeBytes - at))
    await source.read(at, piece)
    yield piece
  }
}

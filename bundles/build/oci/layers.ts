import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { bytesText } from '../../format/bytes-text.ts'
import { MojaboxError } from '../../format/error.ts'
import type { Descriptor, OciManifest } from '../../format/manifest.ts'
import type { Cache } from '../cache.ts'
import { keepScan, scanLayer } from '../sbom/read-layer.ts'

/**
 * Layers that a registry only points at may not be carried, and could not be loaded offline.
 * @throws MojaboxError `layer-foreign`
 */
export function refuseForeignLayers(name: string, manifest: OciManifest): void {
  const foreign = manifest.layers.find(
    ({ mediaType }) => mediaType.includes('.foreign.') || mediaType.includes('.nondistributable.'),
  )
  if (foreign === undefined) return
  throw new MojaboxError({
    code: 'layer-foreign',
    kind: 'usage',
    message: `getting ${name}: one of its layers may not be distributed`,
    found: foreign.mediaType,
    needed: 'layers that the registry itself serves',
    next: 'use an image without such layers',
  })
}

/** What one layer may unpack to: no image has such, and what says less than it is could go on for days. */
export const MAX_LAYER_BYTES = 64 * 1024 ** 3

/**
 * Bytes the layers take once unpacked, as the runtime sees them; each layer is counted once, then known.
 * @throws MojaboxError `layer-damaged` when a layer does not unpack, `layer-too-large`
 */
export async function unpackedBytes(
  cache: Cache,
  name: string,
  layers: Descriptor[],
  signal: AbortSignal,
  maxLayerBytes = MAX_LAYER_BYTES,
): Promise<number> {
  let total = 0
  for (const layer of new Map(layers.map((entry) => [entry.digest, entry])).values()) {
    const bytes = isCompressed(layer)
      ? await cache.fact(layer.digest, 'unpacked', () => countUnpacked(cache, name, layer, signal, maxLayerBytes))
      : layer.size
    total += Number(bytes)
  }
  return total
}

function isCompressed({ mediaType }: Descriptor): boolean {
  return /[.+](gzip|zstd)$/.test(mediaType)
}

async function countUnpacked(
  cache: Cache,
  name: string,
  layer: Descriptor,
  signal: AbortSignal,
  maxBytes: number,
): Promise<string> {
  let bytes = 0
  const scan = scanLayer()
  const unpack = layer.mediaType.endsWith('zstd') ? createZstdDecompress() : createGunzip({ chunkSize: 256 * 1024 })
  try {
    await pipeline(
      createReadStream(cache.pathOf(layer.digest), { highWaterMark: 1024 * 1024 }),
      unpack,
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          bytes += chunk.length
          if (bytes > maxBytes) throw layerTooLarge(`reading a layer of ${name}`, maxBytes)
          scan.write(chunk)
        }
      },
      { signal },
    )
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof MojaboxError) throw error
    throw new MojaboxError(
      {
        code: 'layer-damaged',
        kind: 'bundle',
        message: `reading a layer of ${name}: it does not unpack`,
        found: `${layer.digest}: ${error instanceof Error ? error.message : String(error)}`,
        needed: layer.mediaType,
        next: 'have the image pushed again',
      },
      { cause: error },
    )
  }
  // The SBOM asks for what is in it; unpacking it once is enough.
  await keepScan(cache, layer, scan)
  return String(bytes)
}

export function layerTooLarge(message: string, maxBytes: number): MojaboxError {
  return new MojaboxError({
    code: 'layer-too-large',
    kind: 'bundle',
    message: `${message}: it unpacks to more than any image has`,
    found: `more than ${bytesText(maxBytes)}`,
    needed: `at most ${bytesText(maxBytes)}`,
    next: 'see where this image comes from; use another',
  })
}

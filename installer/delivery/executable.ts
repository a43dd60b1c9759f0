import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isSea } from 'node:sea'
import { pipeline, Readable } from 'node:stream'
import { pipeline as pipe } from 'node:stream/promises'
import { createZstdDecompress } from 'node:zlib'
import type { BlobSource } from '../../bundles/format/blob-source.ts'
import { hexOf, isDigest } from '../../bundles/format/digest.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import { ANNOTATIONS, type BundleManifest, MEDIA_TYPES } from '../../bundles/format/manifest.ts'
import { readArtifactManifest } from '../../bundles/format/read-artifact.ts'
import { corruptDocument } from '../../bundles/format/read-document.ts'
import { BLOCK_BYTES } from '../../bundles/format/tar-header.ts'
import { VERSION } from '../../bundles/format/version.ts'

/** One executable that can be sent. */
export interface Executable extends Sendable {
  /** The same in a tar that zstd compressed, as a bundle has it. */
  packed: Sendable | undefined
}

/** Bytes that can be sent from anywhere on. */
export interface Sendable {
  /** Hexadecimal; where it is carried in something, still its own. */
  sha256: string
  sizeBytes: number
  open(offsetBytes: number): Readable
}

/** The desk's side of getting this same mojabox onto hosts. */
export interface ExecutableSource {
  /** @throws MojaboxError `executable-missing` when there is none for that architecture (OCI terms) */
  for(architecture: string): Promise<Executable>
}

/** Far above any of ours: more than that is something else, made to fill a disk. */
const MAX_BYTES = 1024 ** 3

/** Read at a time: to be sent, and to be looked at, which takes half as long in large pieces. */
const [SEND_BYTES, READ_BYTES] = [256 * 1024, 1024 * 1024]

const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' }

/**
 * Executables to send: the bundle's, where it has the desk's own version (compressed, and the only ones for another
 * architecture); else this very executable.
 */
export function executableSource(
  bundle: (BlobSource & { manifest: BundleManifest }) | undefined,
  ownPath: string | undefined,
): ExecutableSource {
  // Whoever has a bundle is about to send one: it is read while hosts are being reached.
  let own = bundle && ownExecutable(ownPath)
  own?.catch(() => {})
  return {
    async for(architecture) {
      own ??= ownExecutable(ownPath)
      const ours = ARCHITECTURES[process.arch] === architecture ? await own : undefined
      const carried = bundle && (await fromBundle(bundle, architecture))
      const chosen = ours ? (carried?.sha256 === ours.sha256 ? carried : ours) : carried
      if (chosen) return chosen
      throw new MojaboxError({
        code: 'executable-missing',
        kind: 'bundle',
        message: `no mojabox for ${architecture}`,
        found: `this desk runs ${ARCHITECTURES[process.arch] ?? process.arch}, and the bundle carries none for ${architecture}`,
        needed: `mojabox ${VERSION} for linux/${architecture}`,
        next: `build the bundle with --platform linux/${architecture}`,
      })
    },
  }
}

/** This executable as a file, or the one named; undefined when mojabox runs from its sources. */
async function ownExecutable(ownPath: string | undefined): Promise<Executable | undefined> {
  const path = ownPath ?? (isSea() ? process.execPath : undefined)
  if (!path) return undefined
  const hash = createHash('sha256')
  await pipe(createReadStream(path, { highWaterMark: READ_BYTES }), hash)
  const { size } = await stat(path)
  return {
    sha256: hash.digest('hex'),
    sizeBytes: size,
    open: (start) => createReadStream(path, { start, highWaterMark: SEND_BYTES }),
    packed: undefined,
  }
}

async function fromBundle(
  bundle: BlobSource & { manifest: BundleManifest },
  architecture: string,
): Promise<Executable | undefined> {
  const artifact = bundle.manifest.artifacts.find(
    (entry) => entry.kind === 'executable' && entry.platform?.architecture === architecture,
  )
  if (!artifact) return undefined
  const manifest = await readArtifactManifest(bundle, artifact)
  const layer = manifest.layers[0]
  // A delta may leave it out; another mojabox may have packed it in another way.
  if (!layer || layer.mediaType !== MEDIA_TYPES.zstdTar || (await bundle.sizeOf(layer.digest)) === undefined)
    return undefined
  const { [ANNOTATIONS.uncompressedDigest]: digest = '', [ANNOTATIONS.uncompressedBytes]: bytes } =
    layer.annotations ?? {}
  const unpackedBytes = Number(bytes)
  if (!isDigest(digest) || !Number.isInteger(unpackedBytes) || unpackedBytes < 1 || unpackedBytes > MAX_BYTES) {
    throw corruptDocument(
      `reading the executable for ${architecture}`,
      `${digest}, ${bytes} bytes`,
      'what it unpacks to',
    )
  }
  const packed: Sendable = {
    sha256: hexOf(layer.digest),
    sizeBytes: layer.size,
    open: (offset) => bundle.read(layer.digest, offset),
  }
  return {
    sha256: hexOf(digest),
    sizeBytes: unpackedBytes,
    open: (offset) => Readable.from(onlyFile(packed.open(0), offset, unpackedBytes), { objectMode: false }),
    packed,
  }
}

/** The one file of a tar that zstd compressed, from an offset on. */
async function* onlyFile(packed: Readable, offsetBytes: number, sizeBytes: number): AsyncGenerator<Buffer> {
  const [from, to] = [BLOCK_BYTES + offsetBytes, BLOCK_BYTES + sizeBytes]
  let at = 0
  for await (const piece of pipeline(packed, createZstdDecompress(), () => {}) as AsyncIterable<Buffer>) {
    yield piece.subarray(Math.max(0, from - at), Math.max(0, to - at))
    at += piece.length
    if (at >= to) return
  }
}

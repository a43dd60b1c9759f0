import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isSea } from 'node:sea'
import { pipeline, Readable } from 'node:stream'
import { pipeline as pipe } from 'node:stream/promises'
import { createZstdDecompress } from 'node:zlib'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import type { BlobSource } from '../../bundles/format/blob-source.ts'
import { isDigest } from '../../bundles/format/digest.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import { ANNOTATIONS, type BundleManifest } from '../../bundles/format/manifest.ts'
import { readArtifactManifest } from '../../bundles/format/read-artifact.ts'
import { corruptDocument } from '../../bundles/format/read-document.ts'
import { BLOCK_BYTES } from '../../bundles/format/tar-header.ts'
import { VERSION } from '../../bundles/format/version.ts'
import type { Connection } from '../fleet/connection.ts'
import { debianPackage } from './debian-package.ts'

/** One executable that can be sent. */
export interface Executable {
  /** Hexadecimal. */
  sha256: string
  sizeBytes: number
  open(): Readable
  /** The same in a tar that zstd compressed, as a bundle has it. */
  packed: { sizeBytes: number; open(): Readable } | undefined
}

/** The desk's side of getting this same mojabox onto hosts. */
export interface ExecutableSource {
  /** @throws MojaboxError `executable-missing` when there is none for that architecture (OCI terms) */
  for(architecture: string): Promise<Executable>
}

/** Far above any of ours: more than that is something else, made to fill a disk. */
const MAX_BYTES = 1024 ** 3

/** How the host tells that what arrived is not what was named. */
const OTHER_DIGEST = 65

const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' }

/**
 * Executables to send: the bundle's, where it has the desk's own version (compressed, and the only ones for another
 * architecture); else this very executable.
 */
export function executableSource(
  bundle: (BlobSource & { manifest: BundleManifest }) | undefined,
  ownPath: string | undefined,
): ExecutableSource {
  let own: Promise<Executable | undefined> | undefined
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

/** Whether the very same executable is on the host. */
export async function hasExecutable(
  connection: Connection,
  { sha256 }: Executable,
  signal: AbortSignal,
): Promise<boolean> {
  const there = await connection.exec(['sha256sum', NODE_PATHS.executable], { signal })
  return there.code === 0 && there.stdout.startsWith(sha256)
}

/** Whether the host's dpkg names zstd among its compressions, as those of Debian 12 and Ubuntu 22.04 do. */
async function readsZstd(connection: Connection, signal: AbortSignal): Promise<boolean> {
  const { code, stdout } = await connection.exec(['dpkg-deb', '--help'], { signal })
  return code === 0 && /\bzstd\b/.test(stdout)
}

/**
 * Puts the executable onto a host unless the same digest is there already.
 * @returns true when it was sent
 * @throws MojaboxError kind host, or `executable-not-sent` with what the host said; `executable-corrupt`
 */
export async function deliverExecutable(
  connection: Connection,
  executable: Executable,
  onBytes: (doneBytes: number, totalBytes: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  if (await hasExecutable(connection, executable, signal)) return false
  const packed = (await readsZstd(connection, signal)) ? executable.packed : undefined
  const { sizeBytes, stream } = packed
    ? debianPackage(packed.open(), packed.sizeBytes)
    : { sizeBytes: executable.sizeBytes, stream: executable.open() }
  const path = NODE_PATHS.executable
  const receive = [
    'set -e',
    `umask 022; d=$(dirname "$1"); mkdir -p "$d"; t="$1.$$.partial"`,
    // Nothing stays of what could not be put there; folders with something in them are somebody's.
    `trap 'rm -f "$t"; rmdir "$d" "$(dirname "$d")" 2> /dev/null || true' EXIT`,
    // No more than it has: what is packed may unpack to anything.
    `${packed ? 'dpkg-deb --fsys-tarfile - | tar -xOf - | ' : ''}head -c "$3" > "$t"`,
    `echo "$2  $t" | sha256sum -c --quiet - || exit ${OTHER_DIGEST}; chmod 755 "$t"; mv "$t" "$1"`,
  ].join('\n')
  const input = Readable.from(
    counted(stream, (done) => onBytes(done, sizeBytes)),
    { objectMode: false },
  )
  const words = [path, executable.sha256, String(executable.sizeBytes)]
  const sent = await connection.exec(['sh', '-c', receive, 'sh', ...words], { input, signal, timeoutMs: 30 * 60_000 })
  if (sent.code === 0) return true
  if (sent.code === OTHER_DIGEST) throw corrupt(executable, connection.address)
  throw new MojaboxError({
    code: 'executable-not-sent',
    kind: 'host',
    message: `the executable could not be put onto ${connection.address}`,
    found: sent.stderr.trim() || `exit code ${sent.code}`,
    needed: `${path} with room for ${Math.ceil(executable.sizeBytes / 1e6)} MB`,
    next: `see \`df -h /var/lib\` on ${connection.address}, then run the same command again`,
  })
}

function corrupt({ sha256, packed }: Executable, address: string): MojaboxError {
  return new MojaboxError({
    code: 'executable-corrupt',
    kind: packed ? 'bundle' : 'host',
    message: `the executable arrived damaged on ${address}`,
    found: 'other bytes; they are gone again',
    needed: `bytes whose sha256 is ${sha256}`,
    next: packed
      ? 'run `mojabox bundle verify` on the bundle, then run the same command again'
      : 'run the same command again, and leave the executable as it is meanwhile',
  })
}

async function* counted(stream: Readable, onBytes: (doneBytes: number) => void): AsyncGenerator<Buffer> {
  let done = 0
  for await (const piece of stream) {
    yield piece
    done += piece.length
    onBytes(done)
  }
}

/** This executable as a file, or the one named; undefined when mojabox runs from its sources. */
async function ownExecutable(ownPath: string | undefined): Promise<Executable | undefined> {
  const path = ownPath ?? (isSea() ? process.execPath : undefined)
  if (!path) return undefined
  const hash = createHash('sha256')
  await pipe(createReadStream(path), hash)
  const { size } = await stat(path)
  return {
    sha256: hash.digest('hex'),
    sizeBytes: size,
    open: () => createReadStream(path, { highWaterMark: 1 << 18 }),
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
  // A delta may leave it out.
  if (!layer || (await bundle.sizeOf(layer.digest)) === undefined) return undefined
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
  const packed = { sizeBytes: layer.size, open: () => bundle.read(layer.digest) }
  return {
    sha256: digest.slice('sha256:'.length),
    sizeBytes: unpackedBytes,
    open: () => Readable.from(onlyFile(packed.open(), unpackedBytes), { objectMode: false }),
    packed,
  }
}

/** The first file of a tar that zstd compressed. */
async function* onlyFile(packed: Readable, sizeBytes: number): AsyncGenerator<Buffer> {
  const [from, to] = [BLOCK_BYTES, BLOCK_BYTES + sizeBytes]
  let at = 0
  for await (const piece of pipeline(packed, createZstdDecompress(), () => {}) as AsyncIterable<Buffer>) {
    yield piece.subarray(Math.max(0, from - at), Math.max(0, to - at))
    at += piece.length
    if (at >= to) return
  }
}

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isSea } from 'node:sea'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { NODE_PATHS } from '../../agent/contract/paths.ts'
import type { BlobSource } from '../../bundles/format/blob-source.ts'
import { MojaboxError } from '../../bundles/format/error.ts'
import { ANNOTATIONS, type BundleManifest, type Digest } from '../../bundles/format/manifest.ts'
import { readArtifactManifest } from '../../bundles/format/read-artifact.ts'
import { VERSION } from '../../bundles/format/version.ts'
import type { Connection } from '../fleet/connection.ts'

/** One executable that can be sent: as it is, or gzip-compressed. */
export interface Executable {
  /** Of the executable itself, hexadecimal. */
  sha256: string
  /** Bytes that travel. */
  sizeBytes: number
  compressed: boolean
  open(): Readable
}

/** The desk's side of getting this same mojabox onto hosts. */
export interface ExecutableSource {
  /** @throws MojaboxError `executable-missing` when there is none for that architecture (OCI terms) */
  for(architecture: string): Promise<Executable>
}

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

/**
 * Puts the executable onto a host unless the same digest is there already.
 * @returns true when it was sent
 * @throws MojaboxError kind host, or `executable-not-sent` with what the host said
 */
export async function deliverExecutable(
  connection: Connection,
  executable: Executable,
  onBytes: (doneBytes: number, totalBytes: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const path = NODE_PATHS.executable
  const there = await connection.exec(['sha256sum', path], { signal })
  if (there.code === 0 && there.stdout.startsWith(executable.sha256)) return false
  const receive = [
    'set -e',
    `umask 022; mkdir -p "$(dirname "$1")"; t="$1.$$.partial"; trap 'rm -f "$t"' EXIT`,
    executable.compressed ? 'gzip -dc > "$t"' : 'cat > "$t"',
    'echo "$2  $t" | sha256sum -c --quiet - ; chmod 755 "$t"; mv "$t" "$1"',
  ].join('\n')
  const stream = Readable.from(
    counted(executable.open(), (done) => onBytes(done, executable.sizeBytes)),
    { objectMode: false },
  )
  const sent = await connection.exec(['sh', '-c', receive, 'sh', path, executable.sha256], {
    input: stream,
    signal,
    timeoutMs: 30 * 60_000,
  })
  if (sent.code === 0) return true
  throw new MojaboxError({
    code: 'executable-not-sent',
    kind: 'host',
    message: `the executable could not be put onto ${connection.address}`,
    found: sent.stderr.trim() || `exit code ${sent.code}`,
    needed: `${path} with room for ${Math.ceil(executable.sizeBytes / 1e6)} MB`,
    next: `see \`df -h /var/lib\` on ${connection.address}, then run the same command again`,
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
  await pipeline(createReadStream(path), hash)
  const { size } = await stat(path)
  return {
    sha256: hash.digest('hex'),
    sizeBytes: size,
    compressed: false,
    open: () => createReadStream(path, { highWaterMark: 1 << 18 }),
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
  const digest = layer?.annotations?.[ANNOTATIONS.uncompressedDigest] as Digest | undefined
  // A delta may leave it out.
  if (!layer || !digest || (await bundle.sizeOf(layer.digest)) === undefined) return undefined
  return {
    sha256: digest.slice('sha256:'.length),
    sizeBytes: layer.size,
    compressed: true,
    open: () => bundle.read(layer.digest),
  }
}

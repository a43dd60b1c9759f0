import { bytesText } from '../../bundles/format/bytes-text.ts'
import { refuseOtherBase } from '../../bundles/format/delta.ts'
import { diffBundles } from '../../bundles/format/diff.ts'
import { inspectBundle } from '../../bundles/format/inspect.ts'
import { type OpenBundle, openBundle } from '../../bundles/format/open.ts'
import { readEnvelope, readTrustedKey, requireSignature } from '../../bundles/format/signature.ts'
import { verifyBundle } from '../../bundles/format/verify.ts'
import type { Io } from '../cli/io.ts'
import { interruption } from '../fleet/interruption.ts'
import { bundleTable, patchedText } from '../render/bundle-table.ts'
import { diffTable } from '../render/diff-table.ts'
import { createProgress } from '../render/progress.ts'

/** `mojabox bundle inspect`. @throws MojaboxError kind bundle */
export async function showBundle(path: string, options: { json?: true }, io: Io): Promise<void> {
  const inspected = await withBundle(path, inspectBundle)
  io.stdout(options.json ? `${JSON.stringify(inspected, undefined, 2)}\n` : bundleTable(inspected))
}

/** `mojabox bundle diff`. @throws MojaboxError kind bundle */
export async function showDiff(pathA: string, pathB: string, options: { json?: true }, io: Io): Promise<void> {
  const diff = await withBundle(pathA, (a) => withBundle(pathB, (b) => diffBundles(a, b)))
  io.stdout(options.json ? `${JSON.stringify(diff, undefined, 2)}\n` : diffTable(diff))
}

/** The options of `mojabox bundle verify`. */
export interface VerifyFlags {
  json?: true
  base?: string
  /** Paths of public keys. */
  key: string[]
}

/** `mojabox bundle verify`. @throws MojaboxError kind bundle, naming the artifact that is damaged */
export async function verifyFile(path: string, { json, base, key }: VerifyFlags, io: Io): Promise<void> {
  const trusted = await Promise.all(key.map(readTrustedKey))
  const startedAt = performance.now()
  const progress = createProgress(io, 'verifying')
  const onProgress = (done: number, total: number): void => progress.update(done, total)
  const { signal } = io
  const verify = async (bundle: OpenBundle) => ({
    ...(await verifyBundle(bundle, { signal, onProgress })),
    manifest: bundle.manifest,
  })
  const verifyTogether = async (bundle: OpenBundle, basePath: string) =>
    withBundle(basePath, async (other) => {
      await refuseOtherBase(bundle, other)
      const verified = await verify(bundle)
      progress.label('verifying the base')
      await verify(other)
      return verified
    })
  const { manifest, blobs, bytes, leftOut, patched } = await withBundle(path, (bundle) =>
    base === undefined ? verify(bundle) : verifyTogether(bundle, base),
  )
    .catch((error) => Promise.reject(signal.aborted ? interruption(signal) : error))
    .finally(() => progress.done())
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10
  const { digest } = manifest
  const envelope = await readEnvelope(path)
  const signedBy = trusted.length > 0 ? requireSignature(envelope, manifest, trusted, '--key') : undefined
  if (json) {
    const delta = manifest.base && {
      base: manifest.base,
      leftOut,
      patched,
      ...(base !== undefined && { basePath: base }),
    }
    io.stdout(
      `${JSON.stringify({ path, digest, verified: true, blobs, bytes, seconds, ...delta, signedBy }, undefined, 2)}\n`,
    )
    return
  }
  const lines = [
    `${path}: every byte as it was built: ${bytesText(bytes)}, ${blobs} blobs, in ${seconds} s`,
    `digest ${digest}`,
  ]
  if (manifest.base !== undefined) {
    const where = base === undefined ? 'check them together: --base FILE' : `they are in ${base}, as they were built`
    const left = `left out: ${bytesText(leftOut.bytes)}, ${leftOut.blobs} blobs; ${where}${patchedText({ patched })}`
    lines.push(`a delta of ${manifest.base}`, left)
  }
  if (signedBy) lines.push(`signed by ${signedBy.join(', ')}`)
  else if (envelope) lines.push('signed; by whom is checked with --key FILE')
  io.stdout(`${lines.join('\n')}\n`)
}

/** Opens a bundle for a task, and closes it after. @throws MojaboxError kind bundle */
export async function withBundle<T>(path: string, task: (bundle: OpenBundle) => Promise<T>): Promise<T> {
  const bundle = await openBundle(path)
  try {
    return await task(bundle)
  } finally {
    await bundle.close()
  }
}

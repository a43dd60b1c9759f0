import { bytesText } from '../../bundles/format/bytes-text.ts'
import { diffBundles } from '../../bundles/format/diff.ts'
import { inspectBundle } from '../../bundles/format/inspect.ts'
import { type OpenBundle, openBundle } from '../../bundles/format/open.ts'
import { verifyBundle } from '../../bundles/format/verify.ts'
import type { Io } from '../cli/io.ts'
import { interruption } from '../fleet/interruption.ts'
import { bundleTable } from '../render/bundle-table.ts'
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

/** `mojabox bundle verify`. @throws MojaboxError kind bundle, naming the artifact that is damaged */
export async function verifyFile(path: string, options: { json?: true }, io: Io): Promise<void> {
  const startedAt = performance.now()
  const progress = createProgress(io, 'verifying')
  const onProgress = (done: number, total: number): void => progress.update(done, total)
  const { signal } = io
  const { digest, blobs, bytes } = await withBundle(path, async (bundle) => ({
    ...(await verifyBundle(bundle, { signal, onProgress })),
    digest: bundle.manifest.digest,
  }))
    .catch((error) => Promise.reject(signal.aborted ? interruption(signal) : error))
    .finally(() => progress.done())
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10
  if (options.json)
    io.stdout(`${JSON.stringify({ path, digest, verified: true, blobs, bytes, seconds }, undefined, 2)}\n`)
  else
    io.stdout(
      `${path}: every byte as it was built: ${bytesText(bytes)}, ${blobs} blobs, in ${seconds} s\ndigest ${digest}\n`,
    )
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

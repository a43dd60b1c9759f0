import { basename, dirname } from 'node:path'
import { splitBundle } from '../../bundles/build/split.ts'
import { bytesText } from '../../bundles/format/bytes-text.ts'
import type { SplitFlags } from '../cli/bundle-split.ts'
import type { Io } from '../cli/io.ts'
import { interruption } from '../fleet/interruption.ts'
import { createProgress } from '../render/progress.ts'
import { withBundle } from './read-bundle.ts'

/** `mojabox bundle split`. @throws MojaboxError kind bundle (what is split), usage (where the parts go) */
export async function splitFile(path: string, { size, output, json }: SplitFlags, io: Io): Promise<void> {
  const { signal } = io
  const progress = createProgress(io, 'splitting')
  const onProgress = (done: number, total: number): void => progress.update(done, total)
  const { parts, signatures, digest } = await withBundle(path, async (bundle) => ({
    ...(await splitBundle({ bundle, folder: output, partBytes: size, signal, onProgress })),
    digest: bundle.manifest.digest,
  }))
    .catch((error) => Promise.reject(signal.aborted ? interruption(signal) : error))
    .finally(() => progress.done())
  if (json) return io.stdout(`${JSON.stringify({ path, digest, parts, signatures }, undefined, 2)}\n`)
  const [first] = parts
  const rows = parts.map(
    (part) => `${basename(part.path)}  ${bytesText(part.bytes)}${part.kept ? '  (was there already)' : ''}`,
  )
  if (signatures) rows.push(`${basename(signatures)}  its signatures`)
  if (first) rows.push(`in ${dirname(first.path)}; name the first part: mojabox bundle verify ${first.path}`)
  io.stdout(`${rows.join('\n')}\n`)
}

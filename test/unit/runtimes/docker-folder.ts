import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { DockerFacts } from '../../../agent/contract/facts.ts'
import { layerTar } from '../bundles/layer-tar.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { healthyHost } from '../preflight/healthy-host.ts'

/** Of diff IDs. */
export const STACK = ['sha256:lower', 'sha256:upper']
const FILES: Record<string, string> = { 'etc/one': 'first', 'etc/two': 'x'.repeat(3000), 'opt/app/empty': '' }

/** Of what Docker keeps of a tar. */
export type Line = { type: 1; name: string; size?: number; name_raw?: string } | { type: 2; payload: string }

/** A Docker folder that has one layer, of these files; `lines` is what it keeps of the tar. */
export async function dockerFolder(lines?: (tar: Buffer) => Line[], files = FILES, stack = STACK) {
  const rootDir = await temporaryFolder()
  const chainId = stack.reduce(
    (below, diffId) => `sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}`,
  )
  const layer = join(rootDir, 'image/overlay2/layerdb/sha256', chainId.slice('sha256:'.length))
  const filesPath = join(rootDir, 'overlay2/cache1/diff')
  mkdirSync(layer, { recursive: true })
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(filesPath, path, '..'), { recursive: true })
    writeFileSync(join(filesPath, path), content)
  }
  const tar = layerTar(files)
  writeFileSync(join(layer, 'cache-id'), 'cache1')
  const text = (lines?.(tar) ?? linesOf(tar, files)).map(
    (line, position) => `${JSON.stringify({ ...line, position })}\n`,
  )
  writeFileSync(join(layer, 'tar-split.json.gz'), gzipSync(text.join('')))
  const docker = { ...healthyHost().docker, imageStore: 'classic', storageDriver: 'overlay2', rootDir } as DockerFacts
  return { docker, tar, filesPath }
}

/** As Docker keeps it: a file's content by its name, what lies between as it is. */
function linesOf(tar: Buffer, files: Record<string, string>): Line[] {
  const lines: Line[] = []
  let at = 0
  let kept = 0
  const keep = (to: number) => {
    lines.push({ type: 2, payload: tar.subarray(kept, to).toString('base64') })
    kept = to
  }
  for (const [name, { length }] of Object.entries(files)) {
    keep(at + 512)
    lines.push({ type: 1, name, ...(length > 0 && { size: length }) })
    kept += length
    at += 512 + Math.ceil(length / 512) * 512
  }
  keep(tar.length)
  return lines
}

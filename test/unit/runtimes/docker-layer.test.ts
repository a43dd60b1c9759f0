import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { DockerFacts } from '../../../agent/contract/facts.ts'
import { findDockerLayer, openDockerLayer, tarBytesOf } from '../../../agent/runtimes/docker-layer.ts'
import { layerTar } from '../bundles/layer-tar.ts'
import { temporaryFolder } from '../engine/temporary-folder.ts'
import { healthyHost } from '../preflight/healthy-host.ts'

const STACK = ['sha256:lower', 'sha256:upper']
const FILES = { 'etc/one': 'first', 'etc/two': 'x'.repeat(3000), 'opt/app/empty': '' }

type Line = { type: 1; name: string; size?: number; name_raw?: string } | { type: 2; payload: string }

/** A Docker folder that has one layer, of these files; `lines` is what it keeps of the tar. */
async function dockerFolder(lines: (tar: Buffer) => Line[] = linesOf) {
  const rootDir = await temporaryFolder()
  const chainId = createHash('sha256').update(STACK.join(' ')).digest('hex')
  const layer = join(rootDir, 'image/overlay2/layerdb/sha256', chainId)
  const filesPath = join(rootDir, 'overlay2/cache1/diff')
  mkdirSync(layer, { recursive: true })
  for (const [path, content] of Object.entries(FILES)) {
    mkdirSync(join(filesPath, path, '..'), { recursive: true })
    writeFileSync(join(filesPath, path), content)
  }
  const tar = layerTar(FILES)
  writeFileSync(join(layer, 'cache-id'), 'cache1')
  const text = lines(tar).map((line, position) => `${JSON.stringify({ ...line, position })}\n`)
  writeFileSync(join(layer, 'tar-split.json.gz'), gzipSync(text.join('')))
  const docker = { ...healthyHost().docker, imageStore: 'classic', storageDriver: 'overlay2', rootDir } as DockerFacts
  return { docker, tar, filesPath }
}

/** As Docker keeps it: a file's content by its name, what lies between as it is. */
function linesOf(tar: Buffer): Line[] {
  const lines: Line[] = []
  let at = 0
  let kept = 0
  const keep = (to: number) => {
    lines.push({ type: 2, payload: tar.subarray(kept, to).toString('base64') })
    kept = to
  }
  for (const [name, { length }] of Object.entries(FILES)) {
    keep(at + 512)
    lines.push({ type: 1, name, ...(length > 0 && { size: length }) })
    kept += length
    at += 512 + Math.ceil(length / 512) * 512
  }
  keep(tar.length)
  return lines
}

async function opened(docker: DockerFacts) {
  const layer = await findDockerLayer(docker, STACK)
  if (!layer) throw new Error('no layer')
  return openDockerLayer(layer)
}

describe('a layer of Docker’s own store', () => {
  it('is read byte for byte as it was unpacked, whole and in any range', async () => {
    const { docker, tar } = await dockerFolder()
    const layer = await opened(docker)
    expect(layer.sizeBytes).toBe(tar.length)
    expect((await layer.read(0, tar.length)).equals(tar)).toBe(true)
    for (let at = 0; at < tar.length; at += 311) {
      const length = Math.min(700, tar.length - at)
      expect((await layer.read(at, length)).equals(tar.subarray(at, at + length))).toBe(true)
    }
    await expect(layer.read(tar.length - 1, 2)).rejects.toThrow()
  })

  it('has its size told without being held', async () => {
    const { docker, tar } = await dockerFolder()
    const layer = await findDockerLayer(docker, STACK)
    expect(layer && (await tarBytesOf(layer))).toBe(tar.length)
  })

  it('is not there for another store, another driver, or another stack of layers', async () => {
    const { docker } = await dockerFolder()
    expect(await findDockerLayer({ ...docker, imageStore: 'containerd' }, STACK)).toBeUndefined()
    expect(await findDockerLayer({ ...docker, imageStore: null }, STACK)).toBeUndefined()
    expect(await findDockerLayer({ ...docker, storageDriver: 'btrfs' }, STACK)).toBeUndefined()
    expect(await findDockerLayer({ ...docker, rootDir: null }, STACK)).toBeUndefined()
    expect(await findDockerLayer(docker, STACK.slice(1))).toBeUndefined()
    expect(await findDockerLayer(docker, [])).toBeUndefined()
  })

  it('fails to be read where a file has gone, is shorter, or is something else', async () => {
    const { docker, tar, filesPath } = await dockerFolder()
    const layer = await opened(docker)
    const path = join(filesPath, 'etc/two')
    writeFileSync(path, 'short')
    await expect(layer.read(0, tar.length)).rejects.toThrow('shorter')
    rmSync(path)
    await expect(layer.read(0, tar.length)).rejects.toThrow('ENOENT')
    symlinkSync('/etc/passwd', path)
    await expect(layer.read(0, tar.length)).rejects.toThrow('ELOOP')
    rmSync(path)
    execFileSync('mkfifo', [path])
    await expect(layer.read(0, tar.length)).rejects.toThrow('no file')
  })

  it('is not opened where what Docker keeps of it is damaged, or names something outside of the layer', async () => {
    const outside = await dockerFolder(() => [{ type: 1, name: '../../../etc/passwd', size: 10 }])
    await expect(opened(outside.docker)).rejects.toThrow('outside')
    const odd = await dockerFolder(() => [{ type: 3 } as unknown as Line])
    await expect(opened(odd.docker)).rejects.toThrow()
    const { docker } = await dockerFolder()
    const layer = await findDockerLayer(docker, STACK)
    writeFileSync(layer?.tarSplitPath ?? '', gzipSync('{"type":2,"payload":""}\n').subarray(0, 15))
    await expect(opened(docker)).rejects.toThrow()
  })

  it('is read where a name is no UTF-8', async () => {
    const name = Buffer.from([0x66, 0xff])
    const { docker, filesPath } = await dockerFolder(() => [
      { type: 1, name: '', name_raw: name.toString('base64'), size: 4 },
    ])
    writeFileSync(Buffer.concat([Buffer.from(`${filesPath}/`), name]), 'four')
    expect((await (await opened(docker)).read(0, 4)).toString()).toBe('four')
  })
})

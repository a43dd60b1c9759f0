import { execFileSync } from 'node:child_process'
import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { DockerFacts } from '../../../agent/contract/facts.ts'
import { findDockerLayer, openDockerLayer, tarBytesOf } from '../../../agent/runtimes/docker-layer.ts'
import type { RangeSource } from '../../../bundles/format/apply-patch.ts'
import { dockerFolder, type Line, STACK } from './docker-folder.ts'

/** Bytes of a layer. */
async function read(layer: RangeSource, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  await layer.read(offset, bytes)
  return bytes
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
    expect((await read(layer, 0, tar.length)).equals(tar)).toBe(true)
    for (let at = 0; at < tar.length; at += 311) {
      const length = Math.min(700, tar.length - at)
      expect((await read(layer, at, length)).equals(tar.subarray(at, at + length))).toBe(true)
    }
    await expect(read(layer, tar.length - 1, 2)).rejects.toThrow()
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
    await expect(read(layer, 0, tar.length)).rejects.toThrow('shorter')
    rmSync(path)
    await expect(read(layer, 0, tar.length)).rejects.toThrow('ENOENT')
    symlinkSync('/etc/passwd', path)
    await expect(read(layer, 0, tar.length)).rejects.toThrow('ELOOP')
    rmSync(path)
    execFileSync('mkfifo', [path])
    await expect(read(layer, 0, tar.length)).rejects.toThrow('no file')
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
    expect((await read(await opened(docker), 0, 4)).toString()).toBe('four')
  })
})
